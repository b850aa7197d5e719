// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lanes and ledger: what the unit tests' driver does by chance, done by the
 * input. Engine and model agree after each step, and all settles at the end.
 */
#include "fuzz.h"

static struct food food;

/* In the place of model_test.c's own. */
#define MODEL_CHANCE
static unsigned int rnd(unsigned int below)
{
	/* Used up, it still has to vary, or settling would not end. */
	static unsigned int more;

	if (!food.left)
		return more++ * 2654435761u / 7 % below;
	return (below <= 256 ? eat_u8(&food) : eat_u32(&food)) % below;
}

#include "../unit/model_test.c"

static void play(void)
{
	struct weir_config cfg = world_config;
	unsigned int steps = 0;

	memset(m, 0, sizeof(*m));
	memset(user, 0, sizeof(user));
	m->pick_parked = pick_parked;
	cfg.delivery = chance(20) ? WEIR_DELIVERY_FANOUT : WEIR_DELIVERY_QUEUE;
	cfg.priorities = chance(30) ? 1 : 1 + rnd(8);
	random_config(&cfg);
	world_init(&w, &cfg);
	m->cfg = cfg;
	m->now = w.now;
	do_join();
	while (food.left && steps++ < STEPS)
		step();
	food.left = 0;
	if (any_user(false, true))
		settle();
	hooks(false);
	world_exit(&w);
	hooks(true);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!m) {
		m = malloc(sizeof(*m));
		b = malloc(sizeof(*b));
		hooks(true);
	}
	food = (struct food){ data, size };
	play();
	return 0;
}
