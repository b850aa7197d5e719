// SPDX-License-Identifier: GPL-2.0-only
#include "payload.h"

#include <string.h>
#include <sys/mman.h>

size_t payload_next(struct link *l)
{
	if (!l->countdown || --l->countdown)
		return l->cell->size;
	l->countdown = board->period;
	return l->cell->size - 1;
}

void payload_fill(struct link *l, void *p, size_t len)
{
	uint64_t now;

	if (l->cell->touched)
		memset(p, (int)l->countdown, len);
	if (len < l->cell->size) {
		now = now_ns();
		memcpy(p, &now, sizeof(now));
	}
}

size_t payload_write(struct link *l, void *p)
{
	size_t len = payload_next(l);

	payload_fill(l, p, len);
	return len;
}

static uint64_t sum(const void *p, size_t len)
{
	const unsigned char *c = p;
	uint64_t sum = 0, word;
	size_t i;

	for (i = 0; i + sizeof(word) <= len; i += sizeof(word)) {
		memcpy(&word, c + i, sizeof(word));
		sum += word;
	}
	for (; i < len; i++)
		sum += c[i];
	return sum;
}

void payload_read(struct link *l, const void *p, size_t len)
{
	uint64_t sent;

	if (l->cell->touched)
		l->sum += sum(p, len);
	if (len == l->cell->size)
		return;
	if (len != l->cell->size - 1)
		fail("a message of %zu bytes came, %zu were sent", len,
		     l->cell->size);
	memcpy(&sent, p, sizeof(sent));
	if (l->hist)
		hist_add(l->hist, now_ns() - sent);
}

void *payload_buffers(unsigned int nr, size_t size)
{
	size_t bytes = nr * size;
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		fail("no memory for %u buffers of %zu bytes", nr, size);
	/* Pages never written to would all be the same zero page. */
	memset(p, 1, bytes);
	return p;
}
