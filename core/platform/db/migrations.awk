# Embeds core/migrations/NNNN_name.sql, given in order, as db_migrations[].
function quote(text) {
	gsub(/\\/, "&&", text)
	gsub(/"/, "\\\"", text)
	return text
}

BEGIN {
	print "/* Made by migrations.awk; do not edit. */"
	print "#include \"core/platform/db/db.h\"\n\nconst struct db_migration db_migrations[] = {"
}

FNR == 1 {
	if (NR > 1)
		print "\t},"
	name = FILENAME
	sub(/^.*\//, "", name)
	if (name !~ /^[0-9][0-9][0-9][0-9]_[a-z0-9_]+\.sql$/) {
		print FILENAME ": NNNN_name.sql expected" > "/dev/stderr"
		exit 1
	}
	printf "\t{ %d, \"%s\",\n", substr(name, 1, 4) + 0, substr(name, 6, length(name) - 9)
}

/^[ \t]*--/ || /^[ \t]*$/ { next }
{ printf "\t\t\"%s\\n\"\n", quote($0) }

END { print "\t},\n\t{ 0 },\n};" }
