# pykcs11.py MODULE PIN: lists, signs, verifies with each key of a card, with PyKCS11.
# SPDX-License-Identifier: 0BSD
import sys
from PyKCS11 import *

p11 = PyKCS11Lib()
p11.load(sys.argv[1])
slot = p11.getSlotList(tokenPresent=True)[0]
print(p11.getInfo(), p11.getTokenInfo(slot))
for m in p11.getMechanismList(slot):
    p11.getMechanismInfo(slot, m)
session = p11.openSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION)
certificates = session.findObjects([(CKA_CLASS, CKO_CERTIFICATE)])
assert len(certificates) == 4
for c in certificates:
    session.getAttributeValue(c, [CKA_ID, CKA_LABEL, CKA_SUBJECT, CKA_ISSUER, CKA_SERIAL_NUMBER, CKA_VALUE])
session.login(sys.argv[2])
keys = session.findObjects([(CKA_CLASS, CKO_PRIVATE_KEY)])
assert len(keys) == 4
done = 0
for k in keys:
    ident, kind, sign, again, size = session.getAttributeValue(
        k, [CKA_ID, CKA_KEY_TYPE, CKA_SIGN, CKA_ALWAYS_AUTHENTICATE, CKA_MODULUS_BITS])
    if not sign or again:
        continue
    public = session.findObjects([(CKA_CLASS, CKO_PUBLIC_KEY), (CKA_ID, ident)])[0]
    if kind == CKK_RSA:
        m, data = Mechanism(CKM_SHA256_RSA_PKCS, None), b"signed by PyKCS11"
        cipher = session.encrypt(public, data, Mechanism(CKM_RSA_PKCS, None))
        try:
            assert bytes(session.decrypt(k, cipher, Mechanism(CKM_RSA_PKCS, None))) == data
        except PyKCS11Error as e:
            print("decrypt:", e)    # a key may be for signatures alone
    else:
        m, data = Mechanism(CKM_ECDSA, None), bytes(32)
    signature = session.sign(k, data, m)
    assert session.verify(public, data, signature, m)
    done += 1
assert done >= 1
assert len(session.generateRandom(16)) == 16
session.logout()
session.closeSession()
print("signed with", done)
