/* Which commands a host permits: argument vectors against rows of words.  Runs nothing, reads no configuration. */
#include <certctl/exec.h>

#include <ctype.h>
#include <string.h>

static bool is_name_character(char c)
{
	return isalnum((unsigned char)c) || c == '.' || c == '_' || c == '-';
}

/* A ".." that some program may take for the directory above: alone, between slashes, or behind "--file=". */
static bool climbs(const char *argument)
{
	for (const char *dots = strstr(argument, ".."); dots; dots = strstr(dots + 1, "..")) {
		bool begins = dots == argument || !is_name_character(dots[-1]);
		bool ends = dots[2] == '/' || dots[2] == 0;

		if (begins && ends)
			return true;
	}
	return false;
}

static bool is_argument_allowed(const char *argument, const char *word)
{
	if (strcmp(word, "*") != 0)
		return strcmp(argument, word) == 0;
	/* An option is a power of its own ("--root=/x"): the row must name it, or say "...". */
	return argument[0] != '-' && !climbs(argument);
}

static bool is_row_match(const char *const *argv, const char *const *row)
{
	size_t i = 1;

	if (!row[0] || row[0][0] != '/' || strcmp(argv[0], row[0]) != 0)
		return false;
	for (; row[i]; i++) {
		if (strcmp(row[i], "...") == 0 && !row[i + 1])
			break;
		if (!argv[i] || !is_argument_allowed(argv[i], row[i]))
			return false;
	}
	if (!row[i])
		return !argv[i];
	for (; argv[i]; i++)
		if (climbs(argv[i]))
			return false;
	return true;
}

bool certctl_command_is_allowed(const char *const *argv, const char *const *const *rows)
{
	if (!argv || !argv[0] || !rows)
		return false;
	for (; *rows; rows++)
		if (is_row_match(argv, *rows))
			return true;
	return false;
}
