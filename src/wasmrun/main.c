/* SPDX-License-Identifier: Apache-2.0 */
/*
 * moat-wasm: runs one WebAssembly module behind the walls that `moat run -b wasm` has put around it. All that it needs
 * of the system is opened first; then comes the filter, and only then the first byte of the module is looked at. The
 * module may take this process over: what it then has is what the policy gave the sandbox.
 *
 * With --inspect or --compile it reads a module outside of any sandbox, behind a filter under which it can do nothing
 * but write to the standard output.
 */
#include "wasm/baseline/image.h"
#include "wasmrun/denials.h"
#include "wasmrun/fence.h"
#include "wasmrun/imports.h"
#include "wasmrun/inspect.h"
#include "wasmrun/invoke.h"
#include "wasmrun/module_file.h"
#include "wasmrun/program.h"
#include "wasmrun/report.h"
#include "wasmrun/stop.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define STATUS_TRAP      134 /* as a program that has called abort(3) */
#define STATUS_LIMIT     124
#define STATUS_MISUSE    125
#define STATUS_NO_MODULE 126
#define STATUS_NO_FILE   127
#define LOOK_SECONDS     60 /* of processor time, for a module that is not run */
#define ARENA_LEAST      (1u << 20)
#define ARENA_FACTOR     32 /* bytes of decoded module for one of the file, at most */
#define IMAGE_LEAST      (2u << 20)
#define IMAGE_FACTOR     24 /* bytes of compiled code, module and maps in it, for one of the module */
#define IMAGE_MOST       (UINT64_C(512) << 20) /* moat keeps no larger ones */
#define DATA_LEAST       (UINT64_C(64) << 20)
#define DATA_FACTOR                                                                                                    \
    64 /* of memory that is written to for one byte; programs take 32 to 55, room not touched included */
#define CODE_LEAST  (1u << 20)
#define CODE_FACTOR 16 /* bytes of machine code for one of the file; programs have 4 to 12 */

static const struct wasm_features features = {.tail_call = true, .extended_const = true};

/* ---- before the filter ------------------------------------------------------------------------------------------ */

static void limit(int resource, rlim_t value)
{
    const struct rlimit l = {value, value};

    setrlimit(resource, &l);
}

static bool only_looks(const struct program *p)
{
    return p->config.inspect || p->config.compile;
}

/* All executable mappings that there will ever be; what is not written to costs nothing. */
static int make_room_for_code(struct program *p, struct err *err)
{
    size_t size = CODE_LEAST + p->size * CODE_FACTOR;
    int r = code_arena_make(&p->code_arena, size < CODE_ARENA_MAX ? size : CODE_ARENA_MAX, err);

    return r < 0 ? r : wasm_code_prepare(err);
}

/* Compiled code is mapped, and the module stays open beside it until that is known to be whole. */
static int take_image(struct program *p, int image, struct err *err)
{
    struct stat st;

    if (fstat(p->module_fd, &st) < 0)
        return err_sys(err, -errno, "the module");
    if (wasmrun_image_map(image, &p->image, &p->image_size, &p->image_runs, &(struct err){0}) < 0 || !p->image ||
        !S_ISREG(st.st_mode) || st.st_size > (off_t)WASM_MODULE_SIZE_MAX) {
        p->image = NULL;
        return wasmrun_module_read(steal_fd(&p->module_fd), &p->bytes, &p->size, err);
    }
    p->size = (size_t)st.st_size;
    return 0;
}

static int take_file(struct program *p, struct err *err)
{
    int image = -1, r;

    p->module_fd = wasmrun_module_open(p->config.module, err);
    if (p->module_fd < 0)
        return p->module_fd;
    if ((p->config.n_listeners || p->config.image) &&
        (r = wasmrun_companions_take(&p->module_fd, p->listeners, p->config.n_listeners,
                                     p->config.image ? &image : NULL, err)) < 0)
        return r;
    return image >= 0 ? take_image(p, image, err)
                      : wasmrun_module_read(steal_fd(&p->module_fd), &p->bytes, &p->size, err);
}

/* Of a process that reads a module for somebody nothing is wanted but some seconds, its words, and memory in proportion
 * to the module. */
static int shut_in(const struct program *p, struct err *err)
{
    const uint64_t file = IMAGE_LEAST + (uint64_t)p->size * IMAGE_FACTOR;

    limit(RLIMIT_CPU, LOOK_SECONDS);
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_FSIZE, file < IMAGE_MOST ? file : IMAGE_MOST);
    limit(RLIMIT_DATA, DATA_LEAST + (uint64_t)p->size * DATA_FACTOR);
    signal(SIGXFSZ, SIG_IGN); /* it is an error, with words */
    syscall(SYS_close_range, 3, ~0u, 0);
    return wasmrun_fence_raise(WASMRUN_FENCE_LOOK, err);
}

static int prepare(struct program *p, int argc, char **argv, struct err *err)
{
    int r = arena_init(&p->arena, ARENA_LEAST);

    if (r < 0 || (r = wasmrun_config_read(&p->config, &p->arena, argc, argv, err)) < 0 || (r = take_file(p, err)) < 0)
        return r;
    if (!p->config.interpreter && !p->config.inspect && (r = make_room_for_code(p, err)) < 0)
        return r;
    if (only_looks(p))
        return shut_in(p, err);
    denials_begin(&p->config);
    if ((r = program_make_world(p, err)) < 0 || (r = stop_prepare(p->store, p->config.timeout_ms, err)) < 0)
        return r;
    if (p->config.file_size >= 0)
        limit(RLIMIT_FSIZE, (rlim_t)p->config.file_size);
    return wasmrun_fence_raise(WASMRUN_FENCE_RUN, err);
}

/* ---- behind it -------------------------------------------------------------------------------------------------- */

/* Of compiled code the module in it, which need not be executable. What is damaged is not used for anything: not even
 * the module in it is the one that was asked for. */
static int open_image(struct program *p, struct err *err)
{
    size_t code_at;

    if (!p->image)
        return 0;
    if (wasm_image_module(p->image, p->image_size, &p->bytes, &p->size, &code_at)) {
        close(steal_fd(&p->module_fd));
        return mprotect((void *)(uintptr_t)p->image, code_at, PROT_READ) < 0 ? err_sys(err, -errno, "compiled code")
                                                                             : 0;
    }
    munmap((void *)(uintptr_t)p->image, p->image_size);
    p->image = NULL;
    report_error(p->config.name, "its compiled code is damaged and not used: moat wasm compile makes it anew");
    return wasmrun_module_read(steal_fd(&p->module_fd), &p->bytes, &p->size, err);
}

static int decode(struct program *p, struct err *err)
{
    int r = open_image(p, err);

    if (r < 0)
        return r;
    if ((r = arena_init(&p->decoded, ARENA_LEAST + p->size * ARENA_FACTOR)) < 0)
        return err_set(err, r, "no memory for a module of %zu bytes", p->size);
    return p->config.inspect ? 0 : wasm_module_decode(p->bytes, p->size, &features, &p->decoded, &p->module, err);
}

static int compile(struct program *p, struct err *err)
{
    const struct wasm_compile_options o = {.features = features, .fuel = p->config.fuel >= 0, .arena = &p->code_arena};
    int r = p->image && p->image_runs
                ? wasm_code_load(p->image, p->image_size, p->module, &o, &p->code, &(struct err){0})
                : -ESTALE;

    if (r < 0)
        r = wasm_compile(p->module, &o, &p->code, err);
    code_arena_seal(&p->code_arena);
    return r < 0 || !p->config.compile ? r : wasm_code_save(p->code, &o, STDOUT_FILENO, err);
}

static int make_instance(struct program *p, enum wasm_trap *trap, struct err *err)
{
    struct wasm_extern *imports;
    int r = imports_resolve(p->wasi, p->module, &p->decoded, &imports, err);

    if (r == 0 && !p->config.interpreter)
        r = compile(p, err);
    return r < 0 ? r : wasm_instantiate(p->store, p->module, p->code, imports, NULL, &p->instance, trap, err);
}

static int look(struct program *p, struct err *err)
{
    return p->config.inspect ? inspect(p->bytes, p->size, &features, &p->decoded) : compile(p, err);
}

static int run(struct program *p, enum wasm_trap *trap, struct err *err)
{
    int r = make_instance(p, trap, err);

    return r < 0 ? r : program_run(p, trap, err);
}

static int status_of(const struct program *p, enum wasm_trap trap)
{
    int signal = trap == WASM_TRAP_INTERRUPT ? stop_reason() : 0;

    if (trap == WASM_TRAP_NONE)
        return 0;
    if (trap == WASM_TRAP_EXIT)
        return wasm_exit_status(p->store) & 0xff;
    if (signal && signal != SIGALRM) /* it was asked to end */
        return 128 + signal;
    report_trap(p->store, p->config.name, trap);
    return trap == WASM_TRAP_FUEL || trap == WASM_TRAP_INTERRUPT ? STATUS_LIMIT : STATUS_TRAP;
}

int main(int argc, char **argv)
{
    static struct program p;
    struct err err = {0};
    enum wasm_trap trap = WASM_TRAP_NONE;
    int r = prepare(&p, argc, argv, &err);
    bool is_there = p.bytes || p.image;

    if (r == 0)
        r = decode(&p, &err);
    if (r == 0)
        r = only_looks(&p) ? look(&p, &err) : run(&p, &trap, &err);
    if (r < 0 && !trap) {
        report_error(p.config.name ? p.config.name : "?", err.text);
        _exit(r == -ENOENT && !is_there ? STATUS_NO_FILE : r == -INVOKE_MISUSE ? STATUS_MISUSE : STATUS_NO_MODULE);
    }
    _exit(status_of(&p, trap)); /* nothing of ours waits to be written */
}
