#!/usr/bin/env bash
# The LDAP source against ldapsearch: 100,000 people, 2,000 groups, 250,000 memberships, one group of
# 50,000, from the same slapd in the same run. Prints the median of each, their ratio and the peak memory.
#   benches/ldap_read.sh [ROUNDS]       (7)
# PROFILE=dev uses a debug build: its ratio says nothing about the product.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH="$PATH:/usr/sbin"
rounds=${1:-7}
suffix=dc=corp,dc=example
root=cn=root,$suffix
password=secret

dir=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$dir"' EXIT

profile=${PROFILE:-release}
cargo bench --locked --profile "$profile" --bench ldap_read --no-run 2>"$dir/build" || { cat "$dir/build"; exit 1; }
reader=$(sed -n 's/.*Executable.*(\(.*\))$/\1/p' "$dir/build")

cat >"$dir/slapd.conf" <<END
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile $dir/pid
database mdb
suffix $suffix
rootdn $root
rootpw $password
directory $dir
maxsize 1073741824
dbnosync
index objectClass eq
END

awk -v suffix="$suffix" 'BEGIN {
  printf "dn: %s\nobjectClass: domain\ndc: corp\n\n", suffix
  printf "dn: ou=people,%s\nobjectClass: organizationalUnit\nou: people\n\n", suffix
  printf "dn: ou=groups,%s\nobjectClass: organizationalUnit\nou: groups\n\n", suffix
  for (n = 0; n < 100000; n++)
    printf "dn: uid=p%06d,ou=people,%s\nobjectClass: inetOrgPerson\nuid: p%06d\ncn: Person %d\nsn: %d\nmail: person.%d@corp.example\n\n", n, suffix, n, n, n, n
  for (g = 0; g < 2000; g++) {
    printf "dn: cn=g%04d,ou=groups,%s\nobjectClass: groupOfNames\ncn: g%04d\n", g, suffix, g
    # One of 50,000 and 1,999 of about a hundred make 250,000.
    count = g ? (g <= 99 ? 101 : 100) + (g == 1 ? 1 : 0) : 50000
    for (m = 0; m < count; m++) printf "member: uid=p%06d,ou=people,%s\n", (g * 7919 + m) % 100000, suffix
    print ""
  }
}' >"$dir/all.ldif"
slapadd -q -w -f "$dir/slapd.conf" -l "$dir/all.ldif"
port=$(( 20000 + $$ % 20000 ))
url=ldap://127.0.0.1:$port
slapd -d 0 -f "$dir/slapd.conf" -h "$url" &
server=$!
until ldapsearch -x -H "$url" -s base -b "" >/dev/null 2>&1; do kill -0 "$server"; sleep 0.1; done

search() {
  ldapsearch -x -LLL -E pr=1000/noprompt -H "$url" -D "$root" -w "$password" -b "$suffix" "$@" >/dev/null
}

both() {
  search '(objectClass=inetOrgPerson)' uid mail entryUUID
  search '(objectClass=groupOfNames)' cn member entryUUID
}

seconds() { # of a command, into the file $1
  local file=$1 began=$EPOCHREALTIME
  shift
  "$@" >>"$dir/out"
  awk -v a="$began" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.3f\n", b - a }' >>"$dir/$file"
}

median() { sort -n "$dir/$1" | sed -n "$(( (rounds + 1) / 2 ))p"; }

both # warms the server's cache
for _ in $(seq "$rounds"); do
  seconds ldapsearch both
  seconds reader "$reader" "$url" "$suffix" "$root" "$password"
done
tail -n 1 "$dir/out"
awk -v a="$(median ldapsearch)" -v b="$(median reader)" -v peak="$(grep -o '[0-9]* kB' "$dir/out" | sort -n | tail -n 1)" \
  'BEGIN { printf "ldapsearch %.3f s, rosterd %.3f s: %.2f times; peak %s\n", a, b, b / a, peak }'
