// SPDX-License-Identifier: LGPL-2.1 OR MIT
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "ring.h"
#include "uring.h"

#define DEVICE_DIR	"/dev/weir/"
#define OPEN_FLAGS	(WEIR_OPEN_SEND | WEIR_OPEN_WORK | \
			 WEIR_OPEN_NONBLOCK | WEIR_OPEN_URING)
#define OPEN_ROLES	(WEIR_OPEN_SEND | WEIR_OPEN_WORK)
#define OPTS_SIZE_0	64U	/* sizeof(struct weir_opts) in version 0 */

static_assert(sizeof(struct weir_opts) >= OPTS_SIZE_0, "ABI");
static_assert(sizeof(struct weir_meta) == 64, "ABI");
static_assert(sizeof(struct weir_msg) == 48 + 2 * sizeof(void *), "ABI");
static_assert(sizeof(struct weir_outcome) == 48, "ABI");
static_assert(WEIR_OPEN_SEND == WEIR_ROLE_SEND &&
	      WEIR_OPEN_WORK == WEIR_ROLE_WORK, "used as such");

/* ---- time and errors ---- */

uint64_t weir_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

uint64_t weir_deadline(int timeout_ms)
{
	if (timeout_ms < 0)
		return WEIR_FOREVER;
	return timeout_ms ? weir_now() + (uint64_t)timeout_ms * 1000000 : 0;
}

uint64_t weir_left(uint64_t deadline)
{
	uint64_t now;

	if (deadline == WEIR_FOREVER)
		return 0;
	if (!deadline)
		return UINT64_MAX;
	now = weir_now();
	return now < deadline ? deadline - now : UINT64_MAX;
}

int weir_refuse(struct weir *w, int rc, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(w->error, sizeof(w->error), format, args);
	va_end(args);
	return rc;
}

const char *weir_error(const struct weir *w)
{
	return w ? w->error : "";
}

int weir_explain(struct weir *w, int rc)
{
	switch (rc) {
	case -EINTR:
		return weir_refuse(w, rc, "a signal ended the wait");
	case -ETIME:
		return weir_refuse(w, rc, "the time-out passed");
	case -EAGAIN:
		return weir_refuse(w, rc, "the channel has no room");
	case -ESHUTDOWN:
		return weir_refuse(w, rc,
				   "the handle has ended: its channel was deleted or it was kicked");
	case -EBUSY:
		return weir_refuse(w, rc,
				   "the handle belongs to another process");
	default:
		return weir_refuse(w, rc, "the kernel refused: errno %d", -rc);
	}
}

int weir_ioctl(struct weir *w, unsigned long request, void *arg)
{
	int rc = ioctl(w->fd, request, arg);

	return rc < 0 ? weir_explain(w, -errno) : rc;
}

/* ---- options ---- */

/* Copies what the caller knows; what it does not know is zero. */
static int get_opts(struct weir_opts *to, const struct weir_opts *from)
{
	const unsigned char *more;
	uint32_t i, size;

	memset(to, 0, sizeof(*to));
	if (!from)
		return 0;
	size = from->size ? from->size : OPTS_SIZE_0;
	if (size < OPTS_SIZE_0)
		return -EINVAL;
	more = (const unsigned char *)from;
	for (i = sizeof(*to); i < size; i++)
		if (more[i])
			return -E2BIG;
	memcpy(to, from, size < sizeof(*to) ? size : sizeof(*to));
	to->size = sizeof(*to);
	if (to->flags & ~OPEN_FLAGS || to->resv0)
		return -EINVAL;
	for (i = 0; i < sizeof(to->resv) / sizeof(to->resv[0]); i++)
		if (to->resv[i])
			return -EINVAL;
	return 0;
}

static bool valid_name(const char *name)
{
	static const char chars[] = "abcdefghijklmnopqrstuvwxyz"
		"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	size_t len = strnlen(name, WEIR_NAME_MAX + 1);

	return len && len <= WEIR_NAME_MAX && name[0] != '.' &&
	       name[0] != '-' && strspn(name, chars) == len;
}

/* ---- open ---- */

static int open_device(const char *channel, uint32_t roles)
{
	static const int modes[] = {
		[0]				= O_RDWR,
		[WEIR_OPEN_SEND]		= O_WRONLY,
		[WEIR_OPEN_WORK]		= O_RDONLY,
		[WEIR_OPEN_SEND | WEIR_OPEN_WORK] = O_RDWR,
	};
	char path[sizeof(DEVICE_DIR) + WEIR_NAME_MAX];
	int fd;

	snprintf(path, sizeof(path), DEVICE_DIR "%s", channel);
	fd = open(path, modes[roles] | O_CLOEXEC);
	if (fd < 0 && errno == EACCES && !roles)
		fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 && errno == EACCES && !roles)
		fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* The roles that the file's access mode allows. */
static int file_roles(int fd)
{
	int mode = fcntl(fd, F_GETFL);

	if (mode < 0)
		return -errno;
	switch (mode & O_ACCMODE) {
	case O_WRONLY:
		return WEIR_OPEN_SEND;
	case O_RDONLY:
		return WEIR_OPEN_WORK;
	default:
		return WEIR_OPEN_SEND | WEIR_OPEN_WORK;
	}
}

static int attach(struct weir *w, int fd, uint32_t roles,
		  const struct weir_opts *o, struct weir_attach *a)
{
	/* Nobody asked for messages yet. */
	w->stopped = roles & WEIR_OPEN_WORK && !(o->flags & OPEN_ROLES);
	*a = (struct weir_attach) {
		.size = sizeof(*a),
		.role = roles,
		.features = WEIR_FEATURES,
		.sq_entries = o->sq_entries,
		.cq_entries = o->cq_entries,
		.inflight = o->inflight,
		.flags = w->stopped ? WEIR_ATTACH_STOPPED : 0,
		.block_max = o->block_max,
	};
	if (ioctl(fd, WEIR_IOC_ATTACH, a) < 0)
		return -errno;
	w->fd = a->fd;
	w->nonblock = o->flags & WEIR_OPEN_NONBLOCK;
	w->sq_entries = a->sq_entries;
	w->cq_entries = a->cq_entries;
	w->message_max = a->message_max;
	w->len_rings = a->len_rings;
	w->len_window = a->len_window;
	return 0;
}

/* NULL, with errno, if it cannot be mapped. */
static void *map(struct weir *w, uint64_t len, int prot, uint64_t offset)
{
	void *p = mmap(NULL, len, prot, MAP_SHARED, w->fd, (off_t)offset);

	return p == MAP_FAILED ? NULL : p;
}

static int map_rings(struct weir *w, const struct weir_attach *a)
{
	char *p = map(w, a->len_rings, PROT_READ | PROT_WRITE, a->off_rings);

	if (!p)
		return -errno;
	w->ring = (void *)p;
	w->sqes = (void *)(p + a->off_sqes);
	w->cqes = (void *)(p + a->off_cqes);
	return 0;
}

static int setup_sender(struct weir *w, const struct weir_attach *a)
{
	w->rw = map(w, a->len_window, PROT_READ | PROT_WRITE, a->off_rw);
	return w->rw ? weir_pool_init(w, a) : -errno;
}

static int setup_worker(struct weir *w, const struct weir_attach *a)
{
	w->ro = map(w, a->len_window, PROT_READ, a->off_ro);
	if (!w->ro)
		return -errno;
	w->kept_max = a->inflight;
	w->kept = calloc(w->kept_max, sizeof(w->kept[0]));
	return w->kept ? 0 : -ENOMEM;
}

/* One page that a forked child gets zeroed: the windows it does not get. */
static int mark_own(struct weir *w)
{
	size_t size = (size_t)sysconf(_SC_PAGESIZE);
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return -errno;
	w->own = p;
	if (madvise(p, size, MADV_WIPEONFORK) < 0)
		return -errno;
	*p = 1;
	return 0;
}

/* A handle without it works, too: what is missing can be asked for. */
static void setup_uring(struct weir *w)
{
	weir_uring_init(w);
	switch (w->no_uring) {
	case 0:
		break;
	case -EOPNOTSUPP:
		weir_refuse(w, 0, "ioctl is used: the library was built without liburing");
		break;
	case -EPERM:
	case -ENOSYS:
		weir_refuse(w, 0, "ioctl is used: io_uring is blocked here (errno %d)",
			    -w->no_uring);
		break;
	default:
		weir_refuse(w, 0, "ioctl is used: no io_uring could be made (errno %d)",
			    -w->no_uring);
	}
}

static int setup(struct weir *w, int fd, uint32_t roles,
		 const struct weir_opts *o)
{
	struct weir_attach a;
	int rc;

	rc = mark_own(w);
	if (rc)
		return rc;
	rc = attach(w, fd, roles, o, &a);
	if (rc)
		return rc;
	rc = map_rings(w, &a);
	if (!rc && roles & WEIR_OPEN_SEND)
		rc = setup_sender(w, &a);
	if (!rc && roles & WEIR_OPEN_WORK)
		rc = setup_worker(w, &a);
	if (!rc && o->flags & WEIR_OPEN_URING)
		setup_uring(w);
	return rc;
}

int weir_open_fd(struct weir **to, int fd, const struct weir_opts *opts)
{
	struct weir_opts o;
	struct weir *w;
	int rc, roles;

	*to = NULL;
	rc = get_opts(&o, opts);
	if (rc)
		return rc;
	roles = file_roles(fd);
	if (roles < 0)
		return roles;
	if (o.flags & OPEN_ROLES)
		roles = (int)(o.flags & OPEN_ROLES);
	w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	w->fd = -1;
	rc = setup(w, fd, (uint32_t)roles, &o);
	if (rc) {
		weir_close(w);
		return rc;
	}
	*to = w;
	return 0;
}

int weir_open(struct weir **to, const char *channel,
	      const struct weir_opts *opts)
{
	struct weir_opts o;
	int fd, rc;

	*to = NULL;
	rc = get_opts(&o, opts);
	if (rc)
		return rc;
	if (!valid_name(channel))
		return -EINVAL;
	fd = open_device(channel, o.flags & OPEN_ROLES);
	if (fd < 0)
		return fd;
	rc = weir_open_fd(to, fd, &o);
	close(fd);
	return rc;
}

static void unmap(const void *p, uint64_t len)
{
	if (p)
		munmap((void *)(uintptr_t)p, len);
}

void weir_close(struct weir *w)
{
	bool own;

	if (!w)
		return;
	own = w->own && *w->own;
	if (own && w->ring) {
		weir_submit(w);
		weir_ioctl(w, WEIR_IOC_DETACH, NULL);
	}
	/* A child has none of these mappings, maybe something else there. */
	if (own) {
		unmap(w->ring, w->len_rings);
		unmap(w->rw, w->len_window);
		unmap(w->ro, w->len_window);
	}
	unmap((const void *)(uintptr_t)w->own,
	      (uint64_t)sysconf(_SC_PAGESIZE));
	weir_uring_exit(w);
	if (w->fd >= 0)
		close(w->fd);
	weir_pool_exit(w);
	free(w->kept);
	free(w);
}

int weir_fd(const struct weir *w)
{
	return w->fd;
}
