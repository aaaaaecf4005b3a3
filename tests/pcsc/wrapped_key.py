# wrapped_key.py MODULE PIN wrap|unwrap ID FILE: a private key leaves its card wrapped by a key of the card's own,
# or comes in again, with PyKCS11.
# SPDX-License-Identifier: 0BSD
import sys
import PyKCS11
from PyKCS11 import PyKCS11Lib, Mechanism

module, pin, way, key_id, name = sys.argv[1:]
p11 = PyKCS11Lib()
p11.load(module)
session = p11.openSession(p11.getSlotList(tokenPresent=True)[0], PyKCS11.CKF_SERIAL_SESSION | PyKCS11.CKF_RW_SESSION)
session.login(pin)
wanted = [(PyKCS11.CKA_CLASS, PyKCS11.CKO_PRIVATE_KEY), (PyKCS11.CKA_ID, tuple(bytes.fromhex(key_id)))]
by_card = Mechanism(0xd3433101)     # SCARD11_CKM_CARD_WRAP
none = PyKCS11.LowLevel.CK_OBJECT_HANDLE()
if way == "wrap":
    with open(name, "wb") as f:
        f.write(bytes(session.wrapKey(none, session.findObjects(wanted)[0], by_card)))
else:
    with open(name, "rb") as f:
        session.unwrapKey(none, f.read(), wanted + [(PyKCS11.CKA_TOKEN, True)], by_card)
session.logout()
