// SPDX-License-Identifier: BSD-3-Clause
// The runs of bytes ahead of holes, as a tree by sequence number and a list by time of the last
// change. The tree is a treap whose priorities nobody outside can guess: whatever order segments
// come in, finding a place costs the logarithm of the number of runs.
#include "tcp/engine_impl.h"

static uint32_t priority_draw(struct tcp_engine *e)
{
	e->random ^= e->random << 13;
	e->random ^= e->random >> 7;
	e->random ^= e->random << 17;
	return (uint32_t)(e->random >> 32);
}

// Where the tree points to a run.
static struct buffer **link_to(struct tcp_connection *c, struct buffer *run)
{
	struct buffer *parent = tcp_run(run)->parent;

	if (parent == NULL)
		return &c->runs;
	return tcp_run(parent)->left == run ? &tcp_run(parent)->left : &tcp_run(parent)->right;
}

// Swaps a run with its parent.
static void rotate_up(struct tcp_connection *c, struct buffer *run)
{
	struct buffer *parent = tcp_run(run)->parent;
	struct buffer **link = link_to(c, parent);
	bool is_left = tcp_run(parent)->left == run;
	struct buffer **inner = is_left ? &tcp_run(run)->right : &tcp_run(run)->left;

	*(is_left ? &tcp_run(parent)->left : &tcp_run(parent)->right) = *inner;
	if (*inner)
		tcp_run(*inner)->parent = parent;
	*inner = parent;
	tcp_run(run)->parent = tcp_run(parent)->parent;
	tcp_run(parent)->parent = run;
	*link = run;
}

static void recent_unlink(struct tcp_connection *c, struct buffer *run)
{
	struct tcp_run *r = tcp_run(run);

	if (r->newer)
		tcp_run(r->newer)->older = r->older;
	else
		c->runs_newest = r->older;
	if (r->older)
		tcp_run(r->older)->newer = r->newer;
}

static void recent_link(struct tcp_connection *c, struct buffer *run)
{
	tcp_run(run)->newer = NULL;
	tcp_run(run)->older = c->runs_newest;
	if (c->runs_newest)
		tcp_run(c->runs_newest)->newer = run;
	c->runs_newest = run;
}

void run_touch(struct tcp_connection *c, struct buffer *run)
{
	if (c->runs_newest == run)
		return;
	recent_unlink(c, run);
	recent_link(c, run);
}

void run_add(struct tcp_engine *e, struct tcp_connection *c, struct buffer *head,
	struct buffer *tail, uint32_t start, uint32_t end)
{
	struct buffer **link = &c->runs;
	struct buffer *parent = NULL;

	while (*link) {
		parent = *link;
		link = seq_before(start, tcp_run(parent)->start) ? &tcp_run(parent)->left
								 : &tcp_run(parent)->right;
	}
	*tcp_run(head) = (struct tcp_run){.parent = parent,
		.tail = tail,
		.start = start,
		.end = end,
		.priority = priority_draw(e),
		.segment_end = tcp_run(head)->segment_end};
	*link = head;
	while (tcp_run(head)->parent &&
		tcp_run(tcp_run(head)->parent)->priority < tcp_run(head)->priority)
		rotate_up(c, head);
	recent_link(c, head);
}

void run_remove(struct tcp_connection *c, struct buffer *run)
{
	struct tcp_run *r = tcp_run(run);

	recent_unlink(c, run);
	while (r->left && r->right)
		rotate_up(c, tcp_run(r->left)->priority > tcp_run(r->right)->priority ? r->left
										      : r->right);
	struct buffer *child = r->left ? r->left : r->right;

	*link_to(c, run) = child;
	if (child)
		tcp_run(child)->parent = r->parent;
}

struct buffer *run_first(const struct tcp_connection *c)
{
	struct buffer *run = c->runs;

	while (run && tcp_run(run)->left)
		run = tcp_run(run)->left;
	return run;
}

struct buffer *run_last(const struct tcp_connection *c)
{
	struct buffer *run = c->runs;

	while (run && tcp_run(run)->right)
		run = tcp_run(run)->right;
	return run;
}

struct buffer *run_next(struct buffer *run)
{
	struct buffer *next = tcp_run(run)->right;

	if (next) {
		while (tcp_run(next)->left)
			next = tcp_run(next)->left;
		return next;
	}
	next = tcp_run(run)->parent;
	while (next && tcp_run(next)->right == run) {
		run = next;
		next = tcp_run(run)->parent;
	}
	return next;
}

struct buffer *run_before(const struct tcp_connection *c, uint32_t start)
{
	struct buffer *found = NULL;

	// Most segments follow the one before them.
	if (c->runs_newest && tcp_run(c->runs_newest)->end == start)
		return c->runs_newest;
	for (struct buffer *run = c->runs; run;) {
		if (seq_before(start, tcp_run(run)->start)) {
			run = tcp_run(run)->left;
		} else {
			found = run;
			run = tcp_run(run)->right;
		}
	}
	return found;
}
