/* A library that makes arrays in threads of its own, in which no Python code runs. */

#include <pthread.h>
#include <stddef.h>

typedef struct object PyObject;
extern int PyGILState_Ensure(void);
extern void PyGILState_Release(int);
extern PyObject *PyObject_CallFunction(PyObject *, const char *, ...);
extern void Py_DecRef(PyObject *);

/* `numpy.zeros`, a function of compiled code. */
static PyObject *zeros;

__attribute__((noinline)) static void make(ptrdiff_t n) {
    PyObject *array = PyObject_CallFunction(zeros, "n", n); // # @make
    Py_DecRef(array);
}

__attribute__((noinline)) void native_small(void) {
    for (volatile int i = 0; i < 3; i++)
        make(125);
}

__attribute__((noinline)) void native_large(void) {
    make(125000);
    PyObject *array = PyObject_CallFunction(zeros, "n", (ptrdiff_t)250000); // # @own
    Py_DecRef(array);
}

static void *work(void *unused) {
    int state = PyGILState_Ensure();
    native_small();
    native_large();
    PyGILState_Release(state);
    return unused;
}

/* Returns when a new thread has done the work; to be called without the interpreter lock. */
int native_run(PyObject *function) {
    pthread_t thread;
    zeros = function;
    return pthread_create(&thread, NULL, work, NULL) || pthread_join(thread, NULL);
}
