// SPDX-License-Identifier: BSD-3-Clause
// Configuration text from a stranger: read, checked, compiled over the slots of the text before,
// planned against it, edited, hidden. Nothing may be left allocated, and a text that was taken must
// compile.
#include "config/compile/compile.h"
#include "config/edit/edit.h"
#include "config/edit/hidden.h"
#include "config/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct config_faults faults;

static const char base[] =
	"ports = ( { name = \"a\"; device = \"null\"; address = [\"10.0.0.1/24\", \"fd00::1/64\"]; } );\n"
	"upstreams = ( { name = \"u\"; targets = [\"10.0.0.9:1\", \"n.example:2\"]; balance = \"maglev\"; } );\n"
	"listeners = ( { name = \"l\"; protocol = \"tcp\"; listen = \"10.0.0.1:1-9\"; upstream = \"u\"; } );\n";

static uint16_t port_index(void *context, const char *port)
{
	return port[0] == 'x' ? SLOT_NONE : (uint16_t)(port[0] % MAX_PORTS);
}

static uint32_t resolve(void *context, const char *name, const struct ip_address **out)
{
	static struct ip_address address;

	address = ip_address_from_v4(be32_from_host(0x0a000000u + (uint8_t)name[0]));
	*out = &address;
	return (uint8_t)name[0] % 2;
}

static void compile(const struct config *config, struct slot_map *slots, struct snapshot **out)
{
	struct compile_input input = {
		.config = config, .port_index = port_index, .resolve = resolve};
	char error[256];
	int rc = snapshot_compile(&input, slots, out, error, sizeof(error));

	nx_bug_on(rc != 0 && rc != -E2BIG);
}

static void edit(const char *text)
{
	static const char *const settings[] = {
		"name=fuzz", "protocol=udp", "listen=*:9", "upstream=u"};
	char error[512];
	char *out = NULL;
	char *back = NULL;

	if (edit_listener_add(
		    text, settings, nx_array_size(settings), &out, error, sizeof(error)) == 0)
		nx_bug_on(edit_listener_remove(out, "fuzz", &back, error, sizeof(error)) != 0);
	free(out);
	free(back);
	out = NULL;
	if (edit_upstream_drain(text, "u", "10.0.0.9:1", &out, error, sizeof(error)) == 0)
		free(out);
	out = NULL;
	if (hidden_show(text, hidden_by_schema, &out) == 0)
		nx_bug_on(strcmp(out, text) != 0);
	free(out);
}

static void both(const struct config *from, const struct config *to)
{
	struct change_list list;
	struct slot_map *slots;
	struct snapshot *first = NULL;
	struct snapshot *second = NULL;

	if (slot_map_create(&slots) != 0)
		return;
	compile(from, slots, &first);
	compile(to, slots, &second);
	if (plan_diff(from, to, slots, &list) == 0)
		plan_fini(&list);
	snapshot_destroy(first);
	snapshot_destroy(second);
	slot_map_destroy(slots);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text_source source = {.file = NULL};
	struct config *from = NULL;
	struct config *to = NULL;
	char *text = malloc(size + 1);

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	faults_init(&faults);
	nx_bug_on(config_parse(base, strlen(base), &source, NULL, &faults, &from) != 0);
	if (config_parse(text, size, &source, NULL, &faults, &to) == 0) {
		both(from, to);
		edit(text);
	} else {
		nx_bug_on(faults.errors == 0);
	}
	config_destroy(from);
	config_destroy(to);
	free(text);
	return 0;
}
