"""Fills a new domain in one transaction, which is a hundred times faster than over LDAP.

fill.py SMB_CONF USER:PASSWORD... < LDIF; then every `# primary: USER GROUP` line is carried out.
"""
import sys

from samba.auth import system_session
from samba.param import LoadParm
from samba.samdb import SamDB

lp = LoadParm()
lp.load(sys.argv[1])
db = SamDB(url=lp.private_path("sam.ldb"), session_info=system_session(), lp=lp)
ldif = sys.stdin.read()


def found(name, attribute):
    (entry,) = db.search(expression="(sAMAccountName=%s)" % name, attrs=[attribute])
    return entry


db.transaction_start()
db.add_ldif(ldif)
for account in sys.argv[2:]:
    name, password = account.split(":")
    db.setpassword("(sAMAccountName=%s)" % name, password, username=name)
for line in ldif.splitlines():
    if line.startswith("# primary: "):
        user, group = line.split()[2:]
        sid = db.schema_format_value("objectSid", found(group, "objectSid")["objectSid"][0]).decode()
        change = "dn: %s\nchangetype: modify\nreplace: primaryGroupID\nprimaryGroupID: %s\n"
        db.modify_ldif(change % (found(user, "cn").dn, sid.rsplit("-", 1)[1]))
db.transaction_commit()
