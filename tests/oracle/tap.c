/*
 * Listens at the inner loops of ufuncs: with which strides NumPy really calls them.
 *
 * `tap_ufunc` gives a ufunc new tables of loops; each entry notes its call, while listening is on, and
 * forwards it. Nothing of npprof is in here, and no header of CPython or NumPy either: the fields are
 * the first of `PyUFuncObject`, which have been the same since NumPy 1.0.
 */

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define MAX_ARGS 6
#define MAX_SEEN 8192

typedef void Loop(char **args, const intptr_t *dimensions, const intptr_t *steps, void *data);

typedef struct {
    intptr_t reference_count;
    void *type;
    int n_in, n_out, n_args, identity;
    Loop **functions;
    void **data;
    int n_types;
} Ufunc;

typedef struct {
    Loop *loop;
    void *data;
    int n_args;
} Tap;

typedef struct {
    int64_t count;
    int64_t args[MAX_ARGS];
    int64_t steps[MAX_ARGS];
} Seen;

Seen tap_seen[MAX_SEEN];
int tap_n_seen;
int tap_is_on;

static void listen_and_forward(char **args, const intptr_t *dimensions, const intptr_t *steps, void *data) {
    const Tap *tap = data;
    if (tap_is_on && tap_n_seen < MAX_SEEN) {
        Seen *seen = &tap_seen[tap_n_seen++];
        seen->count = dimensions[0];
        for (int i = 0; i < tap->n_args && i < MAX_ARGS; i++) {
            seen->args[i] = (int64_t)(intptr_t)args[i];
            seen->steps[i] = steps[i];
        }
    }
    tap->loop(args, dimensions, steps, tap->data);
}

/* Before the first call of this ufunc, since NumPy may remember what it found. */
int tap_ufunc(Ufunc *ufunc) {
    size_t n = (size_t)ufunc->n_types;
    Loop **functions = calloc(n, sizeof *functions);
    void **data = calloc(n, sizeof *data);
    Tap *taps = calloc(n, sizeof *taps);
    if (!functions || !data || !taps) {
        return -1;
    }
    for (size_t i = 0; i < n; i++) {
        taps[i] = (Tap){ufunc->functions[i], ufunc->data ? ufunc->data[i] : NULL, ufunc->n_args};
        functions[i] = ufunc->functions[i] ? listen_and_forward : NULL;
        data[i] = &taps[i];
    }
    ufunc->functions = functions;
    ufunc->data = data;
    return 0;
}
