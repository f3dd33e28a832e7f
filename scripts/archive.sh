# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# Where apt gets Debian from; read by install-packages and test-debian13.

# The Debian archive that apt uses here. A machine may have its sources but not their indexes yet, or name
# them in a list of mirrors.
archive_site() {
	local site
	# shellcheck disable=SC2016 # apt's own variables
	site=$(apt-get indextargets --format '$(ORIGIN) $(CODENAME) $(SITE)' 'Created-By: Packages' |
		awk '$1 == "Debian" && $2 !~ /-/ { print $3; exit }')
	case $site in mirror+file:*) site=$(awk '/^http/ { print $1; exit }' "${site#mirror+file:}") ;; esac
	echo "$site"
}

archive_reaches() { # ARCHIVE SUITE
	local scratch status
	scratch=$(mktemp -d)
	chmod 755 "$scratch"
	/usr/lib/apt/apt-helper -o Acquire::Retries=1 -o Acquire::http::Timeout=20 -o Acquire::https::Timeout=20 \
		download-file "$1/dists/$2/InRelease" "$scratch/InRelease" >/dev/null 2>&1
	status=$?
	rm -rf "$scratch"
	return $status
}
