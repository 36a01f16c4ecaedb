/* SPDX-License-Identifier: Apache-2.0 */
/* inotify(7). */
#include "linux/fs/internal.h"

void watch_file(struct file *f, uint32_t event)
{
}
void watch_path(const struct path *p, uint32_t event)
{
}
void watch_name(const struct path *dir, const struct dentry *d, uint32_t event)
{
}
void watch_removed(const struct path *dir, const struct dentry *d, struct inode *i)
{
}
void watch_moved(const struct path *from_dir, const char *from, size_t from_n, const struct path *to_dir,
                 const char *to, size_t to_n, struct inode *moved, struct inode *over, uint32_t flags)
{
}
void watch_gone(struct inode *i)
{
}
