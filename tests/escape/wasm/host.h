/* SPDX-License-Identifier: Apache-2.0 */
/*
 * WASI's functions by number, address and length, as a module calls them, for a program that is built twice: for WASI,
 * and (naive.c) for the host, where each is the bare call of the kernel without a check. An address is a number in the
 * program's memory; at(), room() and text() go between both. All give WASI's errno, which here only has to be 0 or not.
 */
#ifndef MOAT_TESTS_ESCAPE_WASM_HOST_H
#define MOAT_TESTS_ESCAPE_WASM_HOST_H

#include <stddef.h>
#include <stdint.h>

#ifdef __wasm__
#define FUNCTION(name, ...)                                                                                            \
    __attribute__((import_module("wasi_snapshot_preview1"), import_name(#name))) int w_##name(__VA_ARGS__)
#else
#define FUNCTION(name, ...) int w_##name(__VA_ARGS__)
#endif
typedef uint32_t u32;
typedef uint64_t u64;

FUNCTION(fd_close, u32 fd);
FUNCTION(fd_fdstat_set_rights, u32 fd, u64 base, u64 inheriting);
FUNCTION(fd_filestat_set_size, u32 fd, u64 size);
FUNCTION(fd_allocate, u32 fd, u64 offset, u64 length);
FUNCTION(fd_read, u32 fd, u32 vectors, u32 n, u32 result);
FUNCTION(fd_pread, u32 fd, u32 vectors, u32 n, u64 offset, u32 result);
FUNCTION(fd_write, u32 fd, u32 vectors, u32 n, u32 result);
FUNCTION(fd_pwrite, u32 fd, u32 vectors, u32 n, u64 offset, u32 result);
FUNCTION(fd_readdir, u32 fd, u32 to, u32 size, u64 cookie, u32 result);
FUNCTION(fd_renumber, u32 from, u32 to);
FUNCTION(fd_prestat_get, u32 fd, u32 result);
FUNCTION(fd_prestat_dir_name, u32 fd, u32 to, u32 size);
FUNCTION(path_open, u32 dir, u32 lookup, u32 path, u32 length, u32 oflags, u64 rights, u64 inheriting, u32 flags,
         u32 result);
FUNCTION(path_create_directory, u32 dir, u32 path, u32 length);
FUNCTION(path_remove_directory, u32 dir, u32 path, u32 length);
FUNCTION(path_unlink_file, u32 dir, u32 path, u32 length);
FUNCTION(path_filestat_get, u32 dir, u32 lookup, u32 path, u32 length, u32 result);
FUNCTION(path_filestat_set_times, u32 dir, u32 lookup, u32 path, u32 length, u64 atim, u64 mtim, u32 flags);
FUNCTION(path_link, u32 dir, u32 lookup, u32 path, u32 length, u32 to_dir, u32 to, u32 to_length);
FUNCTION(path_readlink, u32 dir, u32 path, u32 length, u32 to, u32 size, u32 result);
FUNCTION(path_rename, u32 dir, u32 path, u32 length, u32 to_dir, u32 to, u32 to_length);
FUNCTION(path_symlink, u32 text, u32 text_length, u32 dir, u32 path, u32 length);

/* The memory itself, and the descriptor of a directory that is granted under this name; -1: none. */
uint8_t *at(u32 address);
u32 room(u32 size);
int granted_directory(const char *name);

#endif
