#!/bin/sh
# Runs all figures in turn: run.sh BUILD [LOG]. BUILD is a release build; LOG an Apache access log
# of some hundred MB, made here if none is given. Ends with the worst status: 0 reached, 1 missed,
# 2 error, 77 void.
set -u
[ -x "${1:-}/benchmarks/figure_calls" ] || { echo 'usage: run.sh BUILD [LOG]' >&2; exit 2; }
bin=$1/benchmarks
log=${2:-}
here=$(dirname "$0")
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
worst=0
run() {
	"$@"
	status=$?
	case $worst:$status in *:0 | 2:* | 1:77) ;; *:2 | *:1 | 0:77) worst=$status ;; *) worst=2 ;; esac
}
if [ -z "$log" ]; then
	log=$made/access.log
	awk 'BEGIN { srand(1); for (i = 0; i < 1000000; i++)
		printf "host-%d.example.org - - [22/Apr/2009:18:52:%02d +1200] \"GET /images/photos/%d.jpg HTTP/1.1\" 200 %d \"-\" \"Mozilla/5.0 (X11; U; Linux i686; en-US; rv:1.9.0.8) Gecko/2009032711 Firefox/3.0.8\" \"-\"\n",
			rand() * 5000, i % 60, int(rand() * rand() * 3000), rand() * 9000 }' >"$log"
fi
cat "$log" >/dev/null
run "$bin/figure_calls"
run "$bin/figure_death"
run "$bin/figure_wake"
run "$bin/figure_results"
run "$bin/figure_starts"
if command -v python3 >/dev/null; then
	if [ -x "$bin/mpi_rank" ] && command -v mpirun >/dev/null; then
		run "$bin/figure_peers" "$here/python_pool.py" "$bin/mpi_rank"
	else
		run "$bin/figure_peers" "$here/python_pool.py"
	fi
fi
if [ -x "$bin/figure_arrays" ]; then # with OpenMP to compare with
	run "$bin/figure_arrays"
	run "$bin/figure_skew"
fi
run "$bin/figure_commands" cold_start 0.667 31 "$bin/cold_procs" "$bin/cold_pipe"
if [ -x "$bin/wide_finder" ]; then
	run "$bin/figure_commands" wide_finder_serial 1.7 15 "$bin/wide_finder --workers 2 $log" \
		"$bin/wide_finder --workers 0 $log"
	# Through a pipe: into /dev/null grep stops at the first match.
	run "$bin/figure_commands" wide_finder_grep 1.0 15 "$bin/wide_finder --workers 2 $log" \
		"LC_ALL=C grep -c GET $log | cat"
fi
if [ -x "$bin/verify_packages" ] && command -v dpkg-query >/dev/null; then
	# The same files: what dpkg has sums of, and is there.
	for list in /var/lib/dpkg/info/*.md5sums; do
		sed 's|^[0-9a-f]*  |/|' "$list"
	done | while read -r file; do [ -f "$file" ] && printf '%s\0' "$file"; done >"$made/files"
	run "$bin/figure_commands" verify_packages 1.0 5 "$bin/verify_packages --workers 2 --quiet" \
		"xargs -0 -P2 -n 1000 md5sum <$made/files"
fi
exit $worst
