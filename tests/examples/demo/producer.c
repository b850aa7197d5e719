// SPDX-License-Identifier: GPL-2.0-only
#include "producer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <weir.h>

#include "demo.h"

#define BATCH		16
#define BATCH_BYTES	(256U << 10)
#define SLOW_PART	0.85
#define SLOW_NS		2000000

struct producer {
	const struct demo	*demo;
	struct weir		*weir;
	struct seat		*seat;
	uint32_t		queued[BATCH];
	int			nr_queued;
	uint64_t		bytes;
};

/* The whole file or nothing; one that has changed since it was listed is nothing. */
static int read_all(const char *path, char *to, uint64_t size)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	uint64_t done = 0;
	struct stat st;
	ssize_t len = 1;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) || (uint64_t)st.st_size != size)
		len = -1;
	while (len > 0 && done < size) {
		len = read(fd, to + done, size - done);
		done += len > 0 ? len : 0;
	}
	close(fd);
	return done == size && len > 0 ? 0 : -EIO;
}

/* What was published is sent, even if there is no room for it yet. */
static int submit(struct producer *producer)
{
	int ret = weir_submit(producer->weir);

	if (ret && ret != -EAGAIN)
		return ret;
	for (int i = 0; i < producer->nr_queued; i++)
		producer->demo->board->intake[producer->queued[i]] = INTAKE_SENT;
	producer->seat->sent += producer->nr_queued;
	producer->nr_queued = 0;
	producer->bytes = 0;
	return ret ? weir_flush(producer->weir, -1) : 0;
}

/* The file is read straight into the memory that a worker will read it from. */
static int send_file(struct producer *producer, uint32_t index)
{
	const struct file *file = &producer->demo->files.v[index];
	_Atomic uint8_t *intake = &producer->demo->board->intake[index];
	struct weir_meta meta = {
		.corr = index,
		.user_data = index,
		.mtype = file->size ? TYPE_FILE : TYPE_EMPTY_FILE,
	};
	uint64_t len = file->size ? file->size : 1;
	void *buf;
	int ret;

	ret = weir_loan(producer->weir, len, &buf);
	if (ret)
		return ret;
	if (read_all(file->path, buf, file->size)) {
		*intake = INTAKE_UNREADABLE;
		return weir_abort(producer->weir, buf);
	}
	*intake = INTAKE_PUBLISHING;
	ret = weir_put(producer->weir, buf, len, &meta);
	if (ret)
		return ret;
	producer->queued[producer->nr_queued++] = index;
	producer->bytes += len;
	if (producer->nr_queued == BATCH || producer->bytes >= BATCH_BYTES)
		return submit(producer);
	return 0;
}

/* On a machine so fast that the job would be over before all kills had their turn. */
static void wait_for_kills(const struct demo *demo, uint32_t index)
{
	const struct timespec pause = { .tv_nsec = SLOW_NS };

	if (demo->board->kills_left && index > demo->files.nr * SLOW_PART)
		nanosleep(&pause, NULL);
}

/* Every NR_PRODUCERS-th file is this seat's; a predecessor may have sent some. */
static int send_files(struct producer *producer, int seat)
{
	const struct demo *demo = producer->demo;
	int ret = 0;

	for (uint32_t i = seat; i < demo->files.nr && !ret; i += NR_PRODUCERS) {
		if (demo->board->intake[i] != INTAKE_NONE)
			continue;
		wait_for_kills(demo, i);
		ret = send_file(producer, i);
	}
	if (!ret)
		ret = submit(producer);
	if (!ret)
		ret = weir_flush(producer->weir, -1);
	return ret;
}

/* Returns the exit status of the process. */
int producer_run(const struct demo *demo, int seat)
{
	struct weir_opts opts = { .size = sizeof(opts), .flags = WEIR_OPEN_SEND };
	struct producer producer = {
		.demo = demo,
		.seat = &demo->board->producer[seat],
	};
	int ret = weir_open(&producer.weir, demo->channel, &opts);

	if (!ret)
		ret = send_files(&producer, seat);
	if (ret)
		fprintf(stderr, "demo: producer %d: error %d: %s\n", seat + 1, ret,
			weir_error(producer.weir));
	weir_close(producer.weir);
	return ret ? 1 : 0;
}
