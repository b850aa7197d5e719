// SPDX-License-Identifier: GPL-2.0-only
#include "payload.h"

#include <string.h>
#include <sys/mman.h>

void payload_stamp(void *p)
{
	uint64_t now = now_ns();

	memcpy(p, &now, sizeof(now));
}

void payload_time(struct link *l, const void *p, size_t len)
{
	uint64_t sent;

	if (len != l->size - 1)
		fail("a message of %zu bytes came, %zu were sent", len, l->size);
	memcpy(&sent, p, sizeof(sent));
	if (l->hist)
		hist_add(l->hist, now_ns() - sent);
}

void payload_touch(void *p, size_t len, unsigned int value)
{
	memset(p, (int)value, len);
}

uint64_t payload_sum(const void *p, size_t len)
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
