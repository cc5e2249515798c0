/*
 * An allocator of the program's own, for `LD_PRELOAD`: the C library's is not used for anything.
 *
 * As simple as can be: blocks of powers of two, each behind a header with its size, free ones in a list
 * for each size, and more memory from the kernel by the mebibyte. One lock, held across a fork.
 */

#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#define EXPORT __attribute__((visibility("default")))
#define N_SIZES 48
#define CHUNK ((size_t)1 << 20)

/* Before each block; as large as the alignment that is promised. */
typedef struct Header {
    size_t log2;
    void *start;
} Header;

typedef struct Free {
    struct Free *next;
} Free;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static Free *lists[N_SIZES];
static char *chunk, *chunk_end;
static uint64_t n_blocks;

static void take(void) { pthread_mutex_lock(&lock); }
static void give(void) { pthread_mutex_unlock(&lock); }

__attribute__((constructor)) static void prepare(void) { pthread_atfork(take, give, give); }

/* How many blocks this allocator has handed out. */
EXPORT uint64_t own_malloc_count(void) { return __atomic_load_n(&n_blocks, __ATOMIC_RELAXED); }

static void *fresh(size_t size) {
    if (size >= CHUNK) {
        void *all = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        return all == MAP_FAILED ? NULL : all;
    }
    if ((size_t)(chunk_end - chunk) < size) {
        void *more = mmap(NULL, CHUNK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (more == MAP_FAILED)
            return NULL;
        chunk = more;
        chunk_end = chunk + CHUNK;
    }
    void *block = chunk;
    chunk += size;
    return block;
}

static void *allocate(size_t alignment, size_t size) {
    if (alignment < sizeof(Header))
        alignment = sizeof(Header);
    if (size > PTRDIFF_MAX - 2 * alignment) {
        errno = ENOMEM;
        return NULL;
    }
    size_t log2 = 5;
    while (((size_t)1 << log2) < size + 2 * alignment)
        log2++;
    take();
    char *start = (char *)lists[log2];
    if (start)
        lists[log2] = ((Free *)start)->next;
    else
        start = fresh((size_t)1 << log2);
    n_blocks++;
    give();
    if (!start) {
        errno = ENOMEM;
        return NULL;
    }
    uintptr_t at = ((uintptr_t)start + sizeof(Header) + alignment - 1) & ~(uintptr_t)(alignment - 1);
    Header *header = (Header *)at - 1;
    header->log2 = log2;
    header->start = start;
    return (void *)at;
}

static size_t room(void *block) {
    Header *header = (Header *)block - 1;
    return (size_t)((char *)header->start + ((size_t)1 << header->log2) - (char *)block);
}

EXPORT void *malloc(size_t size) { return allocate(0, size); }

EXPORT void free(void *block) {
    if (!block)
        return;
    Header header = ((Header *)block)[-1];
    Free *freed = header.start;
    take();
    freed->next = lists[header.log2];
    lists[header.log2] = freed;
    give();
}

EXPORT void *calloc(size_t n, size_t size) {
    size_t all;
    if (__builtin_mul_overflow(n, size, &all)) {
        errno = ENOMEM;
        return NULL;
    }
    void *block = allocate(0, all);
    if (block)
        memset(block, 0, all);
    return block;
}

EXPORT void *realloc(void *block, size_t size) {
    if (!block)
        return malloc(size);
    if (size == 0) {
        free(block);
        return NULL;
    }
    if (room(block) >= size)
        return block;
    void *moved = malloc(size);
    if (!moved)
        return NULL;
    memcpy(moved, block, room(block));
    free(block);
    return moved;
}

EXPORT void *memalign(size_t alignment, size_t size) { return allocate(alignment, size); }
EXPORT void *aligned_alloc(size_t alignment, size_t size) { return allocate(alignment, size); }

EXPORT int posix_memalign(void **to, size_t alignment, size_t size) {
    void *block = allocate(alignment, size);
    if (!block)
        return ENOMEM;
    *to = block;
    return 0;
}

EXPORT size_t malloc_usable_size(void *block) { return block ? room(block) : 0; }
