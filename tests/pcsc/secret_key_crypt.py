# secret_key_crypt.py MODULE PIN ID MECHANISM IV encrypt|decrypt IN OUT: a file by a secret key of a card, with PyKCS11.
# SPDX-License-Identifier: 0BSD
import sys
import PyKCS11
from PyKCS11 import PyKCS11Lib, Mechanism

module, pin, key_id, name, iv, way, source, target = sys.argv[1:]
p11 = PyKCS11Lib()
p11.load(module)
session = p11.openSession(p11.getSlotList(tokenPresent=True)[0])
session.login(pin)
key = session.findObjects([(PyKCS11.CKA_CLASS, PyKCS11.CKO_SECRET_KEY),
                           (PyKCS11.CKA_ID, tuple(bytes.fromhex(key_id)))])[0]
mechanism = Mechanism(getattr(PyKCS11, "CKM_" + name), None if name.endswith("ECB") else bytes.fromhex(iv))
with open(source, "rb") as f:
    data = f.read()
result = (session.encrypt if way == "encrypt" else session.decrypt)(key, data, mechanism)
with open(target, "wb") as f:
    f.write(bytes(result))
session.logout()
