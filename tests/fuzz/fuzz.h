/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An input, eaten from its begin; when it is used up everything is 0.
 */
#ifndef _WEIR_FUZZ_H
#define _WEIR_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct food {
	const uint8_t *p;
	size_t left;
};

static inline void eat(struct food *f, void *to, size_t len)
{
	size_t n = len < f->left ? len : f->left;

	memset(to, 0, len);
	memcpy(to, f->p, n);
	f->p += n;
	f->left -= n;
}

static inline uint8_t eat_u8(struct food *f)
{
	uint8_t v;

	eat(f, &v, sizeof(v));
	return v;
}

static inline uint32_t eat_u32(struct food *f)
{
	uint32_t v;

	eat(f, &v, sizeof(v));
	return v;
}

static inline uint64_t eat_u64(struct food *f)
{
	uint64_t v;

	eat(f, &v, sizeof(v));
	return v;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif /* _WEIR_FUZZ_H */
