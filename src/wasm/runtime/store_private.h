/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole of a store, for the files of this folder and baseline/. What the store knows of a module it knows once: the
 * numbers of its types, its layout, the interpreter's side tables. Modules and compiled code are borrowed and outlive
 * the store.
 */
#ifndef MOAT_WASM_RUNTIME_STORE_PRIVATE_H
#define MOAT_WASM_RUNTIME_STORE_PRIVATE_H

#include "wasm/module/validate.h"
#include "wasm/runtime/store.h"

#include <sys/types.h>

#define WASM_FAIL_TEXT_MAX 512
/* wasm_call() within a host function within wasm_call() ...: each is a frame of the host's own stack. */
#define WASM_NEST_MAX 100

struct interp_function;

/* A module in this store. */
struct wasm_store_module {
    struct wasm_store_module *next;
    const struct wasm_module *module;
    const struct wasm_code *code; /* NULL: interpreted */
    struct wasm_layout layout;
    uint32_t *types;                    /* in the store, by the module's type index */
    struct interp_function **functions; /* interpreted: of each own function, NULL until it is first called */
    struct wasm_validator *validator;
};

/* An instance and what is only the store's. */
struct wasm_instance_box {
    struct wasm_instance_box *next;
    struct wasm_store_module *module;
    struct wasm_instance instance; /* the last: its block goes on behind it */
};

/* Host objects, in a list to be freed. */
struct wasm_host_object {
    struct wasm_host_object *next;
    uint8_t kind; /* enum wasm_kind */
    union {
        struct wasm_func func;
        struct wasm_table table;
        struct wasm_memory memory;
        union wasm_value global;
    };
};

struct wasm_types {
    struct wasm_functype **types; /* by number; each a block of its own */
    uint32_t n, capacity;
    uint32_t *slots; /* hash table of numbers + 1; 0: free */
    uint32_t n_slots;
    bool lent; /* the arrays are the lender's: looked up, never changed */
};

/* Where compiled code trapped that a host function had called. */
struct wasm_trap_place {
    uint32_t nest;
    uint64_t pc, fp;
};

enum wasm_store_mode { WASM_STORE_EMPTY, WASM_STORE_INTERPRETED, WASM_STORE_COMPILED };

struct interp_stack;

/* Where the next instance is made, for who keeps instances in memory of his own (pool/). He frees them. */
struct wasm_place {
    struct wasm_instance_box *box; /* zeros, for the box and its block */
    uint8_t *memory;               /* WASM_MEMORY_RESERVED bytes, PROT_NONE; what is below is his affair */
    uint64_t *elems;               /* for the elements that its tables begin with, one table behind the other */
};

struct wasm_store_whole {
    struct wasm_store store; /* the first: what compiled code knows */
    struct wasm_store_options options;
    enum wasm_store_mode mode;
    struct wasm_types types;
    struct wasm_store_module *modules;
    struct wasm_store_module *lent_modules; /* from here on the list is the lender's; NULL: none is */
    struct wasm_instance_box *instances;
    struct wasm_host_object *objects;
    struct wasm_place *place; /* NULL: instances are allocated */
    uint32_t n_instances;
    uint64_t n_pages, n_elements; /* of all memories, of all tables */
    uint32_t nest;                /* wasm_call()s on the way */
    int thread;                   /* of the outermost of them, as gettid(2) has it; 0: none */
    uint8_t *stack;               /* the guest's, its guard first; NULL: not made yet */
    struct wasm_trap_place
        inner[WASM_NEST_MAX]; /* of calls within the one that trapped, innermost first: compiled code */
    uint32_t n_inner;
    struct interp_stack *interp; /* NULL: not made yet */
    int exit_status;
    char fail_text[WASM_FAIL_TEXT_MAX];
};

static inline struct wasm_store_whole *wasm_store_whole(const struct wasm_store *s)
{
    return (struct wasm_store_whole *)(uintptr_t)s;
}

static inline struct wasm_instance_box *wasm_instance_box(const struct wasm_instance *i)
{
    return (struct wasm_instance_box *)((uintptr_t)i - offsetof(struct wasm_instance_box, instance));
}

/* The parts of an instance's block. */
static inline void *wasm_instance_part(const struct wasm_instance *i, uint32_t offset)
{
    return (char *)(uintptr_t)i + offset;
}

static inline struct wasm_func **wasm_instance_imports(const struct wasm_instance *i)
{
    return wasm_instance_part(i, i->layout->imports);
}

static inline union wasm_value *wasm_instance_globals(const struct wasm_instance *i)
{
    return wasm_instance_part(i, i->layout->globals);
}

static inline union wasm_value **wasm_instance_imported_globals(const struct wasm_instance *i)
{
    return wasm_instance_part(i, i->layout->imported_globals);
}

static inline struct wasm_table **wasm_instance_tables(const struct wasm_instance *i)
{
    return wasm_instance_part(i, i->layout->tables);
}

static inline struct wasm_func *wasm_instance_refs(const struct wasm_instance *i)
{
    return wasm_instance_part(i, i->layout->refs);
}

/* Where a global's value is, imported or own. */
union wasm_value *wasm_instance_global(const struct wasm_instance *i, uint32_t global);
/* What ref.func gives. The function is one that can be referred to (module->ref_slot) or an import. */
struct wasm_func *wasm_instance_func(const struct wasm_instance *i, uint32_t function);
/* A callee for any of the module's functions, in *own when it has no record in the instance. */
struct wasm_func *wasm_instance_callee(const struct wasm_instance *i, uint32_t function, struct wasm_func *own);

/* types.c: the number of a type equal to this one; the types are copied. -ENOMEM. */
int wasm_types_intern(struct wasm_types *t, const struct wasm_functype *type, uint32_t *number);
void wasm_types_free(struct wasm_types *t);

/* constexpr.c: the value of a constant expression (3.3.10), which was validated. Its globals have their values. */
union wasm_value wasm_constexpr(const struct wasm_instance *i, const struct wasm_expr *e);

/* table.c: `type` is checked; the elements start null. -ENOMEM: memory or the store's limit. */
int wasm_table_make(struct wasm_store_whole *w, const struct wasm_tabletype *type, struct wasm_table *out);
void wasm_table_free(struct wasm_table *t);
/* The old size, or UINT32_MAX. */
uint32_t wasm_table_extend(struct wasm_store_whole *w, struct wasm_table *t, uint64_t ref, uint32_t n);

/* link.c: whether something fits an import; `name` in the words of err is the import's. -EINVAL. */
int wasm_link_check(const struct wasm_store_whole *w, const struct wasm_store_module *m, uint32_t import,
                    const struct wasm_extern *e, struct err *err);

/* instantiate.c: the module's entry in the store, made at need. */
int wasm_store_module_get(struct wasm_store_whole *w, const struct wasm_module *m, const struct wasm_code *code,
                          struct wasm_store_module **out, struct err *err);
void wasm_store_modules_free(struct wasm_store_whole *w);
/* wasm_instantiate() but for the start function, and that: none, no trap. */
int wasm_instantiate_unstarted(struct wasm_store *s, const struct wasm_module *m, const struct wasm_code *code,
                               const struct wasm_extern *imports, void *user, struct wasm_instance **out,
                               enum wasm_trap *trap, struct err *err);
enum wasm_trap wasm_instance_start(struct wasm_instance *i);

/* store.c: a store that knows the types and modules of another, to save making them again. The lender lives longer, and
 * takes in nothing more; what it was given is read alone, by any thread. Types that it does not know: -ENOTSUP. */
void wasm_store_borrow(struct wasm_store_whole *w, const struct wasm_store_whole *lender);
/* The store as if nothing had run in it: no trap, no words, no interruption, full of fuel. What its memories and tables
 * are charged for is not its affair. */
void wasm_store_renew(struct wasm_store_whole *w);

static inline bool wasm_store_interrupted(const struct wasm_store *s)
{
    return __atomic_load_n(&s->interrupt, __ATOMIC_RELAXED) != 0;
}

/* host.c: calls a host function for either way to run; `caller` may be NULL. What calls within it left for the
 * backtrace stays only where it is the reason of this one's trap. */
enum wasm_trap wasm_host_call(struct wasm_store *s, const struct wasm_func *f, struct wasm_instance *caller,
                              union wasm_value *values);
/* backtrace.c: calls within the one that runs have left nothing that counts. */
void wasm_backtrace_forget(struct wasm_store_whole *w);

/* The thread that runs this store's code now; 0: none. Async-signal-safe. */
int wasm_store_thread(const struct wasm_store *s);

#endif
