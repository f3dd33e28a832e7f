// SPDX-License-Identifier: BSD-3-Clause
// Completion scripts: the table is written out as shell cases, names of objects are asked from the
// daemon while completing (quietly: without one there are none).
#include <string.h>

#include "cli/help/help.h"
#include "config/listener_settings.h"

// First words, each once.
static void print_first_words(FILE *out)
{
	for (size_t i = 0; i < verb_count; i++) {
		size_t length = strcspn(verbs[i].words, " ");

		if (i == 0 || strncmp(verbs[i].words, verbs[i - 1].words, length + 1) != 0) {
			fprintf(out, "%s%.*s", i > 0 ? " " : "", (int)length, verbs[i].words);
		}
	}
}

static void print_second_words(FILE *out)
{
	const char *before = "";

	for (size_t i = 0; i < verb_count; i++) {
		const char *blank = strchr(verbs[i].words, ' ');
		size_t length = blank != NULL ? (size_t)(blank - verbs[i].words) : 0;

		if (blank == NULL) {
			continue;
		}
		if (strncmp(before, verbs[i].words, length + 1) != 0) {
			fprintf(out, "%s\t%.*s) choices=\"%s", *before != '\0' ? "\" ;;\n" : "",
				(int)length, verbs[i].words, blank + 1);
		} else {
			fprintf(out, " %s", blank + 1);
		}
		before = verbs[i].words;
	}
	fputs("\" ;;\n", out);
}

static const char *completion_words(enum completion completion)
{
	switch (completion) {
	case COMPLETE_FILE:
		return "@file";
	case COMPLETE_LISTENER:
		return "$(_nexpath_names listener)";
	case COMPLETE_PORT:
		return "$(_nexpath_names port)";
	case COMPLETE_UPSTREAM:
		return "$(_nexpath_names upstream)";
	case COMPLETE_CREDENTIAL:
		return "$(_nexpath_names credential)";
	case COMPLETE_GENERATED:
		return "reality tls";
	case COMPLETE_PORT_OR_LISTENER:
		return "$(_nexpath_names port) $(_nexpath_names listener)";
	case COMPLETE_FILTER:
		return "listener= target= client= state= protocol=tcp protocol=udp";
	case COMPLETE_SETTING:
		return LISTENER_SETTINGS;
	case COMPLETE_VERB:
		return "@verb";
	case COMPLETE_SHELL:
		return "bash zsh";
	case COMPLETE_NOTHING:
		break;
	}
	return "";
}

// For each verb: its options, and what completes each argument.
static void print_verbs(FILE *out)
{
	for (size_t i = 0; i < verb_count; i++) {
		const struct verb *verb = &verbs[i];

		fprintf(out, "\t\"%s\")\n\t\tflags=\"", verb->words);
		for (size_t o = 0; o < verb_option_count(verb); o++) {
			fprintf(out, "--%s ", verb->options[o].name);
		}
		fputs("\"\n\t\tcase $position in\n", out);
		for (size_t a = 0; a < verb_argument_count(verb); a++) {
			const char *words = completion_words(verb->arguments[a].completion);

			if (*words != '\0') {
				fprintf(out, "\t\t%zu%s) choices=\"%s\" ;;\n", a,
					verb->arguments[a].repeated ? "|*" : "", words);
			}
		}
		fputs("\t\tesac ;;\n", out);
	}
}

// Shared by both shells: from the words before the cursor to $choices and $flags. Plain shell that
// bash and zsh read alike.
static void print_engine(FILE *out)
{
	fputs("_nexpath_names() {\n"
	      "\tnexpath --json \"$1\" list 2>/dev/null | grep -o '\"name\":\"[^\"]*\"' | cut -d'\"' -f4\n"
	      "}\n\n"
	      "# What may follow the first word of a verb.\n"
	      "_nexpath_second() {\n"
	      "\tcase $1 in\n",
		out);
	print_second_words(out);
	fputs("\tesac\n"
	      "}\n\n"
	      "# _nexpath_table WORD...: sets choices and flags for what may follow the given words.\n"
	      "_nexpath_table() {\n"
	      "\tlocal verb=\"\" first=\"\" skip=\"\" last=\"\" word position=0\n"
	      "\tchoices=\"\" flags=\"--socket --json --help \"\n"
	      "\tfor word in \"$@\"; do\n"
	      "\t\tif [ -n \"$skip\" ]; then skip=\"\"; continue; fi\n"
	      "\t\tlast=$word\n"
	      "\t\tcase $word in\n"
	      "\t\t--socket",
		out);
	for (size_t i = 0; i < verb_count; i++) {
		for (size_t o = 0; o < verb_option_count(&verbs[i]); o++) {
			if (verbs[i].options[o].value != NULL) {
				fprintf(out, "|--%s", verbs[i].options[o].name);
			}
		}
	}
	fputs(") skip=$word; continue ;;\n"
	      "\t\t-?*) continue ;;\n"
	      "\t\tesac\n"
	      "\t\tif [ -n \"$verb\" ]; then position=$((position + 1)); continue; fi\n"
	      "\t\tif [ -n \"$first\" ]; then verb=\"$first $word\"; continue; fi\n"
	      "\t\tcase $word in\n\t\t",
		out);
	for (size_t i = 0, n = 0; i < verb_count; i++) {
		if (strchr(verbs[i].words, ' ') == NULL) {
			fprintf(out, "%s%s", n++ > 0 ? "|" : "", verbs[i].words);
		}
	}
	fputs(") verb=$word ;;\n\t\t*) first=$word ;;\n\t\tesac\n\tdone\n"
	      "\tcase $skip in\n"
	      "\t\"\") ;;\n"
	      "\t--socket) choices=\"@file\" flags=\"\"; return ;;\n"
	      "\t--severity) choices=\"info warning error\" flags=\"\"; return ;;\n"
	      "\t--format) choices=\"text markdown man\" flags=\"\"; return ;;\n"
	      "\t*) flags=\"\"; return ;;\n"
	      "\tesac\n"
	      "\tif [ -z \"$first$verb\" ]; then choices=\"",
		out);
	print_first_words(out);
	fputs("\"; return; fi\n"
	      "\tif [ -z \"$verb\" ]; then _nexpath_second \"$first\"; return; fi\n"
	      "\tif [ \"$verb$position\" = help1 ]; then _nexpath_second \"$last\"; return; fi\n"
	      "\tcase $verb in\n",
		out);
	print_verbs(out);
	fputs("\tesac\n\tif [ \"$choices\" = @verb ]; then choices=\"", out);
	print_first_words(out);
	fputs("\"; fi\n}\n\n", out);
}

static void print_bash(FILE *out)
{
	fputs("# bash completion of nexpath: nexpath completion bash > /etc/bash_completion.d/nexpath\n",
		out);
	print_engine(out);
	fputs("_nexpath() {\n"
	      "\tlocal choices flags current=${COMP_WORDS[COMP_CWORD]} key=\"\"\n"
	      "\t# readline ends words at =, and completes what follows it.\n"
	      "\tif [ \"$current\" = = ]; then key=${COMP_WORDS[COMP_CWORD-1]}= current=\"\"\n"
	      "\telif [ \"${COMP_WORDS[COMP_CWORD-1]}\" = = ]; then key=${COMP_WORDS[COMP_CWORD-2]}=; fi\n"
	      "\t_nexpath_table \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"\n"
	      "\tCOMPREPLY=()\n"
	      "\tcase $current in\n"
	      "\t-*) mapfile -t COMPREPLY < <(compgen -W \"$flags\" -- \"$current\") ;;\n"
	      "\t*)\n"
	      "\t\tif [ \"$choices\" = @file ]; then\n"
	      "\t\t\tcompopt -o filenames 2>/dev/null\n"
	      "\t\t\tmapfile -t COMPREPLY < <(compgen -f -- \"$current\")\n"
	      "\t\telse\n"
	      "\t\t\tmapfile -t COMPREPLY < <(compgen -W \"$choices\" -- \"$key$current\")\n"
	      "\t\t\tCOMPREPLY=(\"${COMPREPLY[@]#\"$key\"}\")\n"
	      "\t\t\tcase ${COMPREPLY[*]-} in *=) compopt -o nospace 2>/dev/null ;; esac\n"
	      "\t\tfi ;;\n"
	      "\tesac\n"
	      "}\n"
	      "complete -F _nexpath nexpath\n",
		out);
}

static void print_zsh(FILE *out)
{
	fputs("#compdef nexpath\n"
	      "# zsh completion of nexpath: nexpath completion zsh > \"${fpath[1]}/_nexpath\"\n",
		out);
	print_engine(out);
	fputs("_nexpath() {\n"
	      "\tlocal -a before=(\"${(@)words[2,CURRENT-1]}\")\n"
	      "\tlocal current=$words[CURRENT]\n"
	      "\t() {\n"
	      "\t\tlocal choices flags\n"
	      "\t\t_nexpath_table \"$@\"\n"
	      "\t\tif [[ $current == -* ]]; then\n"
	      "\t\t\tcompadd -- ${=flags}\n"
	      "\t\telif [[ $choices == @file ]]; then\n"
	      "\t\t\t_files\n"
	      "\t\telse\n"
	      "\t\t\tlocal -a open=(${(M)${=choices}:#*=}) whole=(${${=choices}:#*=})\n"
	      "\t\t\t(( $#open )) && compadd -S \"\" -- $open\n"
	      "\t\t\t(( $#whole )) && compadd -- $whole\n"
	      "\t\tfi\n"
	      "\t} \"${(@)before}\"\n"
	      "}\n"
	      "# Autoloaded from fpath the file is the function's first call; sourced it registers it.\n"
	      "if [ \"${funcstack[1]}\" = _nexpath ]; then _nexpath \"$@\"; else compdef _nexpath nexpath; fi\n",
		out);
}

bool completion_print(FILE *out, const char *shell)
{
	if (strcmp(shell, "bash") == 0) {
		print_bash(out);
		return true;
	}
	if (strcmp(shell, "zsh") == 0) {
		print_zsh(out);
		return true;
	}
	return false;
}
