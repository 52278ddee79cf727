/* Runs a fuzz target over every file of the folders given: what the fuzzer found once is an ordinary test for ever. */
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int run_file(const char *path)
{
	FILE *file = fopen(path, "rb");

	if (!file || fseek(file, 0, SEEK_END) < 0) {
		perror(path);
		return -1;
	}
	size_t size = (size_t)ftell(file);
	/* Exactly as large as the input, so that a sanitizer sees one byte too many. */
	uint8_t *data = malloc(size ? size : 1);

	rewind(file);
	if (!data || fread(data, 1, size, file) != size) {
		perror(path);
		exit(1);
	}
	fclose(file);
	LLVMFuzzerTestOneInput(data, size);
	free(data);
	return 0;
}

static int run_folder(const char *folder)
{
	struct dirent **entries;
	int count = scandir(folder, &entries, NULL, alphasort), ran = 0;

	if (count < 0) {
		perror(folder);
		return -1;
	}
	for (int i = 0; i < count; i++) {
		char path[4096];

		snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
		if (entries[i]->d_name[0] != '.') {
			printf("%s\n", path);
			fflush(stdout); /* the last line names what crashed */
			if (run_file(path) < 0)
				return -1;
			ran++;
		}
		free(entries[i]);
	}
	free(entries);
	return ran;
}

int main(int argc, char **argv)
{
	int ran = 0;

	for (int i = 1; i < argc; i++) {
		int count = run_folder(argv[i]);

		if (count < 0)
			return 1;
		ran += count;
	}
	printf("%d inputs\n", ran);
	return ran > 0 ? 0 : 1; /* a corpus that is not there tests nothing */
}
