# Compiles named queries into C.  A .sql file is a list of
#
#     -- name: job_get  $1 id text, $2 limit int
#     SELECT ... WHERE id = $1 LIMIT $2;
#
# and becomes `const struct db_query query_job_get`.  -v mode=header|source|list, -v include=<name of the header>.
# Lines that are comments only stay out; a parameter that has no type in the heading stops the build.

function fail(text) {
	printf "%s:%d: %s\n", FILENAME, FNR, text > "/dev/stderr"
	failed = 1
	exit 1
}

function oid_of(type) {
	if (!(type in oids))
		fail("query " name ": unknown parameter type '" type "'")
	return oids[type]
}

# "$1 id text, $2 limit int" -> types[1..parameters]
function read_parameters(text,    i, parts, words, n) {
	parameters = 0
	if (text ~ /^[ \t]*$/)
		return
	n = split(text, parts, ",")
	for (i = 1; i <= n; i++) {
		sub(/^[ \t]+/, "", parts[i])
		sub(/[ \t]+$/, "", parts[i])
		if (split(parts[i], words, /[ \t]+/) != 3 || words[1] != "$" i)
			fail("query " name ": '$" i " name type' expected, got '" parts[i] "'")
		types[i] = oid_of(words[3])
	}
	parameters = n
}

function check_parameters(    i, rest, seen) {
	rest = body
	while (match(rest, /\$[0-9]+/)) {
		i = substr(rest, RSTART + 1, RLENGTH - 1) + 0
		if (i < 1 || i > parameters)
			fail("query " name ": $" i " is used, the heading declares " parameters)
		seen[i] = 1
		rest = substr(rest, RSTART + RLENGTH)
	}
	for (i = 1; i <= parameters; i++)
		if (!(i in seen))
			fail("query " name ": $" i " is declared and not used")
}

function emit(    i, row) {
	if (name == "")
		return
	check_parameters()
	if (mode == "header" || mode == "list")
		printf "extern const struct db_query query_%s;\n", name
	else {
		row = parameters ? "" : "0"
		for (i = 1; i <= parameters; i++)
			row = row (i > 1 ? ", " : "") types[i]
		printf "static const unsigned types_of_%s[] = { %s };\n", name, row
		printf "const struct db_query query_%s = { \"%s\",\n%s\t, types_of_%s, %d };\n", name, name, quoted, name, parameters
	}
	names[++count] = name
	name = ""
}

BEGIN {
	split("bigint 20 int 23 boolean 16 text 25 jsonb 3802 text[] 1009 int[] 1007 bigint[] 1016 timestamptz 1184 interval 1186 bytea 17", pairs, " ")
	for (i = 1; i in pairs; i += 2)
		oids[pairs[i]] = pairs[i + 1]
	print "/* Made by queries.awk; do not edit. */"
	if (mode == "header")
		print "#pragma once\n#include \"core/platform/db/db.h\"\n"
	else if (mode == "source")
		print "#include \"" include "\"\n"
	else
		print "#include \"core/platform/db/db.h\"\n"
}

/^-- name:/ {
	emit()
	line = $0
	sub(/^-- name:[ \t]*/, "", line)
	name = line
	sub(/[ \t].*$/, "", name)
	if (name !~ /^[a-z][a-z0-9_]*$/)
		fail("bad query name '" name "'")
	sub(/^[^ \t]+/, "", line)
	read_parameters(line)
	quoted = body = ""
	next
}

/^[ \t]*--/ || /^[ \t]*$/ { next }

{
	if (name == "")
		fail("SQL before the first '-- name:'")
	body = body $0 "\n"
	text = $0
	gsub(/\\/, "&&", text)
	gsub(/"/, "\\\"", text)
	quoted = quoted "\t\"" text "\\n\"\n"
}

END {
	if (failed)
		exit 1
	emit()
	if (mode == "list") {
		print "\nconst struct db_query *const db_queries[] = {"
		for (i = 1; i <= count; i++)
			printf "\t&query_%s,\n", names[i]
		print "\tNULL,\n};"
	}
}
