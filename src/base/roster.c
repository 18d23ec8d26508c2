#include "base/roster.h"

#include <stdlib.h>

static struct px_node *px_node_first(struct px_roster *roster)
{
	/* acquire: pairs with the release of px_node_new(); publishes the node */
	return atomic_load_explicit(&roster->first, memory_order_acquire);
}

static struct px_node *px_node_new(struct px_roster *roster)
{
	struct px_node *node = malloc(sizeof(*node));
	struct px_node *first = px_node_first(roster);

	if (node == NULL)
		return NULL;
	atomic_init(&node->address, 1);
	atomic_init(&node->number, 0);
	do
		node->next = first;
	/* release: pairs with px_node_first() */
	while (!atomic_compare_exchange_weak_explicit(&roster->first, &first, node,
						      memory_order_release, memory_order_acquire));
	return node;
}

bool px_roster_add(struct px_roster *roster, const void *address, uint64_t number)
{
	struct px_node *node = px_node_first(roster);

	for (; node != NULL; node = node->next) {
		uintptr_t free = 0;

		/* relaxed: whoever swaps first has the node; nothing is read of it before */
		if (atomic_compare_exchange_strong_explicit(
			    &node->address, &free, 1, memory_order_relaxed, memory_order_relaxed))
			break;
	}
	if (node == NULL)
		node = px_node_new(roster);
	if (node == NULL)
		return false;
	/* relaxed: published by the next line */
	atomic_store_explicit(&node->number, number, memory_order_relaxed);
	/* release: a child of fork that sees the address sees the number */
	atomic_store_explicit(&node->address, (uintptr_t)address, memory_order_release);
	return true;
}

static struct px_node *px_node_of(struct px_roster *roster, const void *address)
{
	struct px_node *node = px_node_first(roster);

	/* relaxed: who asks for an address got it by other means from who added it */
	while (node != NULL &&
	       atomic_load_explicit(&node->address, memory_order_relaxed) != (uintptr_t)address)
		node = node->next;
	return node;
}

bool px_roster_drop(struct px_roster *roster, const void *address)
{
	struct px_node *node = px_node_of(roster, address);

	if (node == NULL)
		return false;
	/* relaxed: the next who has the node writes all of it */
	atomic_store_explicit(&node->address, 0, memory_order_relaxed);
	return true;
}

bool px_roster_has(struct px_roster *roster, const void *address)
{
	return (uintptr_t)address > 1 && px_node_of(roster, address) != NULL;
}

void *px_roster_next(struct px_roster *roster, struct px_node **at, uint64_t *number_out)
{
	for (*at = *at == NULL ? px_node_first(roster) : (*at)->next; *at != NULL;
	     *at = (*at)->next) {
		/* acquire: pairs with the release of px_roster_add() */
		const uintptr_t address =
			atomic_load_explicit(&(*at)->address, memory_order_acquire);

		if (address <= 1)
			continue;
		/* relaxed: as above */
		*number_out = atomic_load_explicit(&(*at)->number, memory_order_relaxed);
		return (void *)address;
	}
	return NULL;
}
