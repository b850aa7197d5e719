// SPDX-License-Identifier: LGPL-2.1 OR MIT
#include <stdlib.h>

#include "ring.h"

#define GRANT_MAX_BYTES	(512U << 10)	/* asked for at once, if more than one */
#define GRANT_MAX	8U
#define TRIM_NS		1000000000ULL
#define TRIM_MAX	32U		/* blocks of a class in one go */

/* ---- lists ---- */

static void list_init(struct weir_list *l)
{
	l->next = l;
	l->prev = l;
}

static void list_del(struct weir_list *l)
{
	l->prev->next = l->next;
	l->next->prev = l->prev;
	list_init(l);
}

static void list_add(struct weir_list *l, struct weir_list *after)
{
	l->next = after->next;
	l->prev = after;
	after->next->prev = l;
	after->next = l;
}

#define container_of(ptr, type, member) \
	((type *)(void *)((char *)(ptr) - offsetof(type, member)))

static struct weir_block *to_block(struct weir_list *link)
{
	return container_of(link, struct weir_block, link);
}

/* ---- blocks ---- */

static bool idle(const struct weir_block *b)
{
	return b->nr_free == b->nr;
}

static void set_owner(struct weir_pool *p, const struct weir_block *b,
		      struct weir_block *owner)
{
	uint64_t i = b->addr >> p->unit_shift;
	uint64_t end = i + (p->classes[b->cls].block_size >> p->unit_shift);

	for (; i < end; i++)
		p->owner[i] = owner;
}

static struct weir_block *block_create(struct weir_pool *p, uint32_t cls,
				       uint64_t addr)
{
	struct weir_class *c = &p->classes[cls];
	uint32_t i, nr = c->block_size >> c->shift;
	struct weir_block *b;

	if (addr & (c->block_size - 1) ||
	    (addr + c->block_size) >> p->unit_shift > p->nr_units)
		return NULL;
	b = calloc(1, sizeof(*b) + nr * (sizeof(b->free[0]) + 1));
	if (!b)
		return NULL;
	b->addr = addr;
	b->cls = cls;
	b->nr = nr;
	b->nr_free = nr;
	b->state = (uint8_t *)&b->free[nr];
	for (i = 0; i < nr; i++)
		b->free[i] = (uint16_t)(nr - 1 - i);
	set_owner(p, b, b);
	list_add(&b->link, c->blocks.prev);
	list_add(&b->owned, &p->blocks);
	c->nr_blocks++;
	c->nr_idle++;
	p->nr_idle++;
	p->bytes += c->block_size;
	return b;
}

/* Of a wholly free block. */
static void block_destroy(struct weir_pool *p, struct weir_block *b)
{
	struct weir_class *c = &p->classes[b->cls];

	list_del(&b->link);
	list_del(&b->owned);
	set_owner(p, b, NULL);
	c->nr_blocks--;
	c->nr_idle--;
	if (c->least_idle > c->nr_idle)
		c->least_idle = c->nr_idle;
	p->nr_idle--;
	p->bytes -= c->block_size;
	free(b);
}

static int giveback_addr(struct weir *w, uint64_t addr)
{
	struct weir_giveback give = { .size = sizeof(give), .addr = addr };

	return weir_ioctl(w, WEIR_IOC_GIVEBACK, &give);
}

/* Gives back up to @max wholly free blocks of a class: they are at the end. */
static unsigned int giveback(struct weir *w, struct weir_class *c,
			     uint32_t max)
{
	unsigned int nr = 0;
	struct weir_block *b;

	while (nr < max && c->nr_idle) {
		b = to_block(c->blocks.prev);
		if (giveback_addr(w, b->addr) < 0)
			break;
		block_destroy(&w->pool, b);
		nr++;
	}
	return nr;
}

unsigned int weir_pool_giveback(struct weir *w, uint32_t cls)
{
	unsigned int nr = 0;
	uint32_t i;

	for (i = 0; i < w->pool.nr_classes; i++)
		if (i != cls)
			nr += giveback(w, &w->pool.classes[i], UINT32_MAX);
	return nr;
}

static void trim_class(struct weir *w, struct weir_class *c, bool all)
{
	uint32_t nr = all ? c->nr_idle : c->least_idle;
	uint32_t max = all ? UINT32_MAX : TRIM_MAX;

	if (nr && (c->used || all))
		nr--;
	giveback(w, c, nr < max ? nr : max);
	c->least_idle = c->nr_idle;
	c->used = false;
}

/*
 * The kernel asks for memory: all that is wholly free, but for one block of
 * each class that was used since the last time. Else a sender that just goes on
 * would ask for the same block again, and only wait.
 */
static void answer_recall(struct weir *w)
{
	struct weir_pool *p = &w->pool;
	struct weir_class *c = p->classes, *end = c + p->nr_classes;

	for (; c < end; c++) {
		giveback(w, c, c->used && c->nr_idle ? c->nr_idle - 1 : c->nr_idle);
		c->least_idle = c->nr_idle;
		c->used = false;
	}
}

void weir_pool_trim(struct weir *w, bool all)
{
	struct weir_pool *p = &w->pool;
	uint64_t now;
	uint32_t i;

	if (!p->nr_idle)
		return;
	if (weir_ring_recalled(w))
		answer_recall(w);
	if (!p->returned && !all)
		return;
	p->returned = false;
	now = weir_now();
	if (now < p->trim_at && !all)
		return;
	p->trim_at = now + TRIM_NS;
	for (i = 0; i < p->nr_classes; i++)
		trim_class(w, &p->classes[i], all);
}

/* How many blocks to ask for: more when there are many already. */
static uint32_t grant_count(const struct weir_class *c)
{
	uint32_t nr = c->nr_blocks / 2;

	if (nr > GRANT_MAX)
		nr = GRANT_MAX;
	if (nr > GRANT_MAX_BYTES / c->block_size)
		nr = GRANT_MAX_BYTES / c->block_size;
	return nr ? nr : 1;
}

int weir_pool_grant(struct weir *w, uint32_t cls, uint32_t flags)
{
	struct weir_pool *p = &w->pool;
	struct weir_grant grant = {
		.size = sizeof(grant),
		.flags = flags,
		.class_idx = cls,
		.count = grant_count(&p->classes[cls]),
	};
	int rc, nr = 0;
	uint32_t i;

	rc = weir_ioctl(w, WEIR_IOC_GRANT, &grant);
	if (rc < 0)
		return rc;
	for (i = 0; i < grant.count && i < GRANT_MAX; i++) {
		if (block_create(p, cls, grant.addr[i]))
			nr++;
		else
			giveback_addr(w, grant.addr[i]);
	}
	return grant.count && !nr ? -ENOMEM : nr;
}

/* ---- buffers ---- */

static void buffer_free(struct weir_pool *p, struct weir_block *b, uint32_t i)
{
	struct weir_class *c = &p->classes[b->cls];

	b->state[i] = WEIR_BUFFER_FREE;
	b->free[b->nr_free++] = (uint16_t)i;
	if (idle(b)) {
		list_del(&b->link);
		list_add(&b->link, c->blocks.prev);
		c->nr_idle++;
		p->nr_idle++;
	} else if (b->nr_free == 1) {
		list_add(&b->link, &c->blocks);
	}
}

bool weir_pool_has(const struct weir *w, uint32_t cls)
{
	const struct weir_class *c = &w->pool.classes[cls];
	const struct weir_class *end = &w->pool.classes[w->pool.nr_classes];

	for (; c < end; c++)
		if (c->blocks.next != &c->blocks)
			return true;
	return false;
}

void *weir_pool_take(struct weir *w, uint32_t cls)
{
	struct weir_pool *p = &w->pool;
	struct weir_class *c = &p->classes[cls];
	struct weir_block *b = to_block(c->blocks.next);
	uint32_t i;

	if (c->blocks.next == &c->blocks)
		return NULL;
	c->used = true;
	if (idle(b)) {
		c->nr_idle--;
		p->nr_idle--;
		if (c->least_idle > c->nr_idle)
			c->least_idle = c->nr_idle;
	}
	i = b->free[--b->nr_free];
	b->state[i] = WEIR_BUFFER_LOANED;
	if (!b->nr_free)
		list_del(&b->link);
	return w->rw + b->addr + ((uint64_t)i << c->shift);
}

static bool find(struct weir_pool *p, uint64_t addr, struct weir_loaned *loan)
{
	uint64_t unit = addr >> p->unit_shift;
	const struct weir_class *c;
	uint32_t offset;

	if (unit >= p->nr_units || !p->owner[unit])
		return false;
	loan->block = p->owner[unit];
	c = &p->classes[loan->block->cls];
	offset = (uint32_t)(addr - loan->block->addr);
	loan->index = offset >> c->shift;
	loan->addr = addr;
	loan->room = c->size - (offset & (c->size - 1));
	return true;
}

void weir_pool_return(struct weir *w, uint64_t addr)
{
	struct weir_loaned loan;

	if (!find(&w->pool, addr, &loan) ||
	    loan.block->state[loan.index] != WEIR_BUFFER_SENT)
		return;
	buffer_free(&w->pool, loan.block, loan.index);
	w->pool.nr_sent--;
	w->pool.returned = true;
}

int weir_pool_find(struct weir *w, const void *ptr, struct weir_loaned *loan)
{
	uint64_t addr = (uintptr_t)ptr - (uintptr_t)w->rw;

	if (!find(&w->pool, addr, loan) ||
	    loan->block->state[loan->index] != WEIR_BUFFER_LOANED)
		return weir_refuse(w, -EINVAL,
				   "the pointer is not into a buffer on loan from this handle");
	return 0;
}

void weir_pool_sent(struct weir *w, const struct weir_loaned *loan)
{
	loan->block->state[loan->index] = WEIR_BUFFER_SENT;
	w->pool.nr_sent++;
}

void weir_pool_unsent(struct weir *w, const struct weir_loaned *loan)
{
	buffer_free(&w->pool, loan->block, loan->index);
}

/* ---- the whole ---- */

uint32_t weir_pool_class(const struct weir *w, uint64_t len)
{
	uint32_t i;

	for (i = 0; i < w->pool.nr_classes; i++)
		if (w->pool.classes[i].size >= len)
			break;
	return i;
}

static bool power_of_2(uint32_t n)
{
	return n && !(n & (n - 1));
}

static int init_class(struct weir_class *c, uint32_t size, uint32_t block_size)
{
	if (!power_of_2(size) || !power_of_2(block_size) ||
	    block_size < size || block_size / size > UINT16_MAX)
		return -EPROTO;
	list_init(&c->blocks);
	c->shift = (uint32_t)__builtin_ctz(size);
	c->size = size;
	c->block_size = block_size;
	return 0;
}

int weir_pool_init(struct weir *w, const struct weir_attach *attach)
{
	uint32_t i, shift, nr = attach->nr_class;
	struct weir_pool *p = &w->pool;
	int rc;

	if (!nr || nr > WEIR_CLASSES_MAX)
		return -EPROTO;
	list_init(&p->blocks);
	p->nr_classes = nr;
	p->unit_shift = 31;
	for (i = 0; i < nr; i++) {
		rc = init_class(&p->classes[i], attach->class_size[i],
				attach->block_size[i]);
		if (rc)
			return rc;
		shift = (uint32_t)__builtin_ctz(attach->block_size[i]);
		if (shift < p->unit_shift)
			p->unit_shift = shift;
	}
	p->nr_units = w->len_window >> p->unit_shift;
	/* Large and mostly never touched. */
	p->owner = calloc(p->nr_units, sizeof(p->owner[0]));
	return p->owner ? 0 : -ENOMEM;
}

void weir_pool_exit(struct weir *w)
{
	struct weir_pool *p = &w->pool;
	struct weir_list *l, *next;

	if (!p->owner)
		return;
	for (l = p->blocks.next; l != &p->blocks; l = next) {
		next = l->next;
		free(container_of(l, struct weir_block, owned));
	}
	free(p->owner);
}
