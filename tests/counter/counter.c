/*
 * The independent count: what NumPy's data allocator does, told without any part of npprof.
 *
 * `counter_start` overwrites the functions inside a `PyDataMem_Handler` and forwards to the ones
 * that stood there. Blocks born after that are in a hash map with their sizes; a block born before
 * is unknown and only counted when it goes. `custom_handler` is a second handler, one that a program
 * sets for itself (NEP 49); it keeps its own count in a header before each block.
 *
 * `counter_share` moves the count into a file, where a process that is killed leaves it behind;
 * `kill_after` is what kills it.
 */

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

typedef struct {
    void *ctx;
    void *(*malloc)(void *ctx, size_t size);
    void *(*calloc)(void *ctx, size_t nelem, size_t elsize);
    void *(*realloc)(void *ctx, void *block, size_t size);
    void (*free)(void *ctx, void *block, size_t size);
} Allocator;

typedef struct {
    char name[127];
    uint8_t version;
    Allocator allocator;
} Handler;

typedef struct {
    uint64_t n_allocations;
    uint64_t n_frees;
    uint64_t allocated;
    uint64_t freed;
    uint64_t live;
    uint64_t high_water;
    uint64_t n_unknown_frees;
} Counts;

/* Open addressing, linear probing, no tombstones: removal moves the rest of its run back. */
typedef struct {
    void *block;
    size_t size;
} Entry;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static Entry *entries;
static size_t capacity, n_entries;
static Counts own_counts;
/* Where the count is kept: here, or in a file that outlives the process. */
static Counts *counts = &own_counts;
static Allocator original;

static size_t home_of(const void *block) {
    return (size_t)(((uintptr_t)block >> 4) * UINT64_C(0x9E3779B97F4A7C15) >> 20) & (capacity - 1);
}

static void insert(void *block, size_t size) {
    if (2 * (n_entries + 1) > capacity) {
        Entry *old = entries;
        size_t old_capacity = capacity;
        capacity = capacity ? 2 * capacity : 1024;
        entries = calloc(capacity, sizeof *entries);
        if (!entries) {
            abort();
        }
        n_entries = 0;
        for (size_t i = 0; i < old_capacity; i++) {
            if (old[i].block) {
                insert(old[i].block, old[i].size);
            }
        }
        free(old);
    }
    size_t i = home_of(block);
    while (entries[i].block) {
        i = (i + 1) & (capacity - 1);
    }
    entries[i] = (Entry){block, size};
    n_entries++;
}

static int take(const void *block, size_t *size) {
    if (!capacity) {
        return 0;
    }
    size_t i = home_of(block);
    while (entries[i].block != block) {
        if (!entries[i].block) {
            return 0;
        }
        i = (i + 1) & (capacity - 1);
    }
    *size = entries[i].size;
    n_entries--;
    for (size_t hole = i;;) {
        i = (i + 1) & (capacity - 1);
        if (!entries[i].block) {
            entries[hole].block = NULL;
            return 1;
        }
        size_t distance = (i - home_of(entries[i].block)) & (capacity - 1);
        if (distance >= ((i - hole) & (capacity - 1))) {
            entries[hole] = entries[i];
            hole = i;
        }
    }
}

static void born(void *block, size_t size) {
    insert(block, size);
    counts->n_allocations++;
    counts->allocated += size;
    counts->live += size;
    if (counts->live > counts->high_water) {
        counts->high_water = counts->live;
    }
}

static void died(const void *block) {
    size_t size;
    if (take(block, &size)) {
        counts->n_frees++;
        counts->freed += size;
        counts->live -= size;
    } else {
        counts->n_unknown_frees++;
    }
}

/*
 * The lock is never held while the real function runs: NumPy's `calloc` gives up the GIL, and whoever
 * gets it might wait for the lock. So a block is entered after it was made and taken out before it goes.
 */
static void *entered(void *block, size_t size) {
    if (block) {
        pthread_mutex_lock(&lock);
        born(block, size);
        pthread_mutex_unlock(&lock);
    }
    return block;
}

static void *counted_malloc(void *ctx, size_t size) {
    (void)ctx;
    return entered(original.malloc(original.ctx, size), size);
}

static void *counted_calloc(void *ctx, size_t nelem, size_t elsize) {
    (void)ctx;
    return entered(original.calloc(original.ctx, nelem, elsize), nelem * elsize);
}

/* One free and one allocation that are never alive together. NumPy holds the GIL throughout. */
static void *counted_realloc(void *ctx, void *block, size_t size) {
    (void)ctx;
    void *moved = original.realloc(original.ctx, block, size);
    if (moved && block) {
        pthread_mutex_lock(&lock);
        died(block);
        pthread_mutex_unlock(&lock);
    }
    return entered(moved, size);
}

static void counted_free(void *ctx, void *block, size_t size) {
    (void)ctx;
    if (block) {
        pthread_mutex_lock(&lock);
        died(block);
        pthread_mutex_unlock(&lock);
    }
    original.free(original.ctx, block, size);
}

/* Counts from now on. Called with the GIL held, so that no allocation is under way. */
void counter_start(Handler *handler) {
    original = handler->allocator;
    handler->allocator =
        (Allocator){NULL, counted_malloc, counted_calloc, counted_realloc, counted_free};
}

void counter_read(Counts *to) {
    pthread_mutex_lock(&lock);
    *to = *counts;
    pthread_mutex_unlock(&lock);
}

/* Keeps the count in a file from now on; 0 if that is possible. */
int counter_share(const char *path) {
    int file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0) {
        return -1;
    }
    void *memory = MAP_FAILED;
    if (ftruncate(file, sizeof *counts) == 0) {
        memory = mmap(NULL, sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    }
    close(file);
    if (memory == MAP_FAILED) {
        return -1;
    }
    pthread_mutex_lock(&lock);
    memcpy(memory, counts, sizeof *counts);
    counts = memory;
    pthread_mutex_unlock(&lock);
    return 0;
}

/* Has the kernel kill this process after some time, wherever it is then; 0 if it will. */
int kill_after(uint64_t nanoseconds) {
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL};
    timer_t timer;
    if (timer_create(CLOCK_MONOTONIC, &event, &timer)) {
        return -1;
    }
    struct itimerspec when = {.it_value = {nanoseconds / 1000000000, nanoseconds % 1000000000}};
    return timer_settime(timer, 0, &when, NULL);
}

/* What compiled code does wrong: it writes where nothing is, and calls itself without an end. */
static int *volatile nowhere;

int crash(void) {
    *nowhere = 1;
    return 0;
}

int overflow_stack(int depth) {
    volatile char frame[1024];
    frame[depth & 1023] = (char)depth;
    return depth < 0 ? 0 : overflow_stack(depth + 1) + frame[0];
}

/* Loaded by LD_PRELOAD, a Python is killed so many nanoseconds after its start. */
__attribute__((constructor)) static void kill_python(void) {
    const char *after = getenv("NPPROF_TEST_KILL_AFTER_NS");
    char path[4096];
    ssize_t length = after ? readlink("/proc/self/exe", path, sizeof path - 1) : -1;
    if (length > 0) {
        path[length] = 0;
        const char *name = strrchr(path, '/');
        if (name && strncmp(name, "/python", 7) == 0) {
            kill_after(strtoull(after, NULL, 10));
        }
    }
}

/* Forgets what was counted, as a forked child does: all that lives now is unknown from here on. */
void counter_forget(void) {
    pthread_mutex_lock(&lock);
    if (entries) {
        memset(entries, 0, capacity * sizeof *entries);
    }
    n_entries = 0;
    memset(counts, 0, sizeof *counts);
    pthread_mutex_unlock(&lock);
}

/* Each block of the custom handler lies this far into what `malloc` gave, behind its size. */
enum { HEADER = 64 };

static Counts custom;

static void custom_born(size_t size) {
    custom.n_allocations++;
    custom.allocated += size;
    custom.live += size;
    if (custom.live > custom.high_water) {
        custom.high_water = custom.live;
    }
}

static void custom_died(size_t size) {
    custom.n_frees++;
    custom.freed += size;
    custom.live -= size;
}

static void *custom_place(char *start, size_t size) {
    if (!start) {
        return NULL;
    }
    memcpy(start, &size, sizeof size);
    custom_born(size);
    return start + HEADER;
}

static void *custom_malloc(void *ctx, size_t size) {
    (void)ctx;
    return custom_place(malloc(HEADER + size), size);
}

static void *custom_calloc(void *ctx, size_t nelem, size_t elsize) {
    (void)ctx;
    return custom_place(calloc(1, HEADER + nelem * elsize), nelem * elsize);
}

static void custom_free(void *ctx, void *block, size_t size) {
    (void)ctx;
    (void)size;
    if (block) {
        char *start = (char *)block - HEADER;
        memcpy(&size, start, sizeof size);
        custom_died(size);
        free(start);
    }
}

static void *custom_realloc(void *ctx, void *block, size_t size) {
    if (!block) {
        return custom_malloc(ctx, size);
    }
    char *start = (char *)block - HEADER;
    size_t old_size;
    memcpy(&old_size, start, sizeof old_size);
    char *moved = realloc(start, HEADER + size);
    if (moved) {
        custom_died(old_size);
    }
    return custom_place(moved, size);
}

static Handler custom_handler_body = {
    .name = "npprof_test_handler",
    .version = 1,
    .allocator = {NULL, custom_malloc, custom_calloc, custom_realloc, custom_free},
};

Handler *custom_handler(void) { return &custom_handler_body; }

void custom_read(Counts *to) { *to = custom; }
