// SPDX-License-Identifier: BSD-3-Clause
#include "io/neighbour/neighbour_queue.h"

void neighbour_queue_init(struct neighbour_queue *queue)
{
	queue->count = 0;
	queue->most = 0;
	queue->free = 0;
	queue->oldest = NEIGHBOUR_QUEUE_END;
	queue->newest = NEIGHBOUR_QUEUE_END;
	for (uint16_t i = 0; i < NEIGHBOUR_WAITING_TOTAL; i++)
		queue->waiters[i].next = (uint16_t)(i + 1);
	memset(queue->counts, 0, sizeof(queue->counts));
}

void neighbour_queue_push(struct neighbour_queue *queue, uint32_t slot, struct buffer *buffer,
	uint16_t netif, uint16_t l3)
{
	nx_bug_on(queue->count >= NEIGHBOUR_WAITING_TOTAL);
	uint16_t i = queue->free;
	struct neighbour_waiter *w = &queue->waiters[i];

	queue->free = w->next;
	*w = (struct neighbour_waiter){.buffer = buffer,
		.netif = netif,
		.l3 = l3,
		.slot = (uint16_t)slot,
		.next = NEIGHBOUR_QUEUE_END,
		.older = queue->newest,
		.newer = NEIGHBOUR_QUEUE_END};
	if (queue->newest != NEIGHBOUR_QUEUE_END)
		queue->waiters[queue->newest].newer = i;
	else
		queue->oldest = i;
	queue->newest = i;
	if (queue->counts[slot] > 0)
		queue->waiters[queue->last[slot]].next = i;
	else
		queue->first[slot] = i;
	queue->last[slot] = i;
	queue->counts[slot]++;
	queue->count++;
	if (queue->count > queue->most)
		queue->most = queue->count;
}

struct neighbour_waiter neighbour_queue_pop(struct neighbour_queue *queue, uint32_t slot)
{
	nx_bug_on(queue->counts[slot] == 0);
	uint16_t i = queue->first[slot];
	struct neighbour_waiter w = queue->waiters[i];

	queue->first[slot] = w.next;
	queue->counts[slot]--;
	queue->count--;
	if (w.older != NEIGHBOUR_QUEUE_END)
		queue->waiters[w.older].newer = w.newer;
	else
		queue->oldest = w.newer;
	if (w.newer != NEIGHBOUR_QUEUE_END)
		queue->waiters[w.newer].older = w.older;
	else
		queue->newest = w.older;
	queue->waiters[i].next = queue->free;
	queue->free = i;
	return w;
}
