// SPDX-License-Identifier: BSD-3-Clause
#include "config_test.h"

struct config_faults test_faults;

const char test_base[] =
	"workers = { cpus = \"0\"; };\n"
	"ports = ( { name = \"lan\"; device = \"af_packet:eth1\"; address = [\"10.1.0.2/24\", \"fd00:1::2/64\"]; },\n"
	"          { name = \"wan\"; device = \"af_packet:eth2\"; address = [\"10.2.0.2/24\", \"fd00:2::2/64\"];\n"
	"            gateway = [\"10.2.0.254\"]; } );\n"
	"routes = ( { to = \"10.9.0.0/16\"; via = \"10.2.0.253\"; } );\n"
	"upstreams = ( { name = \"web\"; targets = [\"10.2.0.1:80\", \"10.9.0.3:80 weight=2\"]; } );\n"
	"listeners = ( { name = \"in\"; protocol = \"tcp\"; listen = \"10.1.0.2:9000\"; upstream = \"web\"; } );\n";

int test_parse(const char *text, struct config **out)
{
	struct text_source source = {.file = NULL};

	faults_init(&test_faults);
	return config_parse(text, strlen(text), &source, NULL, &test_faults, out);
}

static void print_faults(void)
{
	for (uint32_t i = 0; i < test_faults.count; i++) {
		char line[1024];

		fault_print(&test_faults.items[i], "text", line, sizeof(line));
		print_message("%s\n", line);
	}
}

struct config *test_config(const char *text)
{
	struct config *config = NULL;

	if (test_parse(text, &config) != 0) {
		print_faults();
		fail_msg("refused: %s", text);
	}
	return config;
}

bool test_has_fault(uint32_t line, const char *part)
{
	for (uint32_t i = 0; i < test_faults.count; i++) {
		char shown[1024];

		fault_print(&test_faults.items[i], "text", shown, sizeof(shown));
		if ((line == 0 || test_faults.items[i].line == line) && strstr(shown, part))
			return true;
	}
	print_message("no fault in line %u with \"%s\" among these:\n", line, part);
	print_faults();
	return false;
}

char *test_variant(const char *from, const char *to)
{
	const char *at = strstr(test_base, from);
	size_t size = sizeof(test_base) + strlen(to);
	char *text = test_malloc(size);

	assert_non_null(at);
	snprintf(text, size, "%.*s%s%s", (int)(at - test_base), test_base, to, at + strlen(from));
	return text;
}
