// graphene.js MODULE PIN: lists, signs and verifies with each key of a card, with graphene and pkcs11js (npm).
// SPDX-License-Identifier: 0BSD
"use strict";
const graphene = require("graphene-pk11");

const module_ = graphene.Module.load(process.argv[2], "card");
module_.initialize();
const slot = module_.getSlots(0, true);
console.log(slot.getToken().label, slot.getMechanisms().length, "mechanisms");
const session = slot.open(graphene.SessionFlag.SERIAL_SESSION | graphene.SessionFlag.RW_SESSION);
session.login(process.argv[3]);
let certificates = 0, signed = 0;
session.find({ class: graphene.ObjectClass.CERTIFICATE }, () => { certificates++; });
const keys = [];
session.find({ class: graphene.ObjectClass.PRIVATE_KEY }, key => { keys.push(key); });
for (const object of keys) {
    const key = object.toType();
    const { id, sign } = key.getAttribute({ id: null, sign: null });
    if (!sign || id.equals(Buffer.from([2]))) continue;     // 9C wants the PIN each time
    const found = session.find({ class: graphene.ObjectClass.PUBLIC_KEY, id });
    const mechanism = key.type === graphene.KeyType.RSA ? "SHA256_RSA_PKCS" : "ECDSA_SHA256";
    const signature = session.createSign(mechanism, key).once(Buffer.from("signed by graphene"));
    const good = session.createVerify(mechanism, found.items(0).toType()).once(Buffer.from("signed by graphene"), signature);
    if (!good) throw new Error("does not verify");
    signed++;
}
session.logout();
session.close();
module_.finalize();
console.log(certificates, "certificates,", signed, "keys signed");
process.exit(certificates === 4 && signed >= 1 ? 0 : 1);
