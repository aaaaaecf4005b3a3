// unit.c: white box. scard11.c itself and one file of cases for each of its sections, one program.
// SPDX-License-Identifier: 0BSD
//
//     ./build.sh test link iso        the cases of two sections
//     ./build.sh test link_chains     the cases that begin so
//
// Each file uses what its section may use. The order is the map's.
static unsigned long unit_tlvs;         // that were looked at: how much work a card's content makes
#define TLV_COUNT unit_tlvs++;
#include "../../scard11.c"

#include "../sim/sim_reader.h"
#include "../posix.h"
#if defined(_WIN32)                     // windows.h has macros of such names
#undef far
#undef small
#undef interface
#endif

#include "base.c"
#include "status.c"
#include "os.c"
#include "arena.c"
#include "handle.c"
#include "tlv.c"
#include "x509.c"
#include "zlib.c"
#include "alg.c"
#include "hash.c"
#include "random.c"
#include "padding.c"
#include "cipher.c"
#include "reader.c"
#include "apdu.c"
#include "extended.c"
#include "notice.c"
#include "link.c"
#include "iso.c"
#include "card.c"
#include "place.c"
#include "cache.c"
#include "pinpad.c"
#include "secret.c"
#include "trial.c"
#include "p15entry.c"
#include "p15alg.c"
#include "p15.c"
#include "p15file.c"
#include "p15dir.c"
#include "p15token.c"
#include "p15object.c"
#include "p15key.c"
#include "p15made.c"
#include "p15write.c"
#include "p15store.c"
#include "piv.c"
#include "pivkey.c"
#include "pivadmin.c"
#include "openpgp.c"
#include "openpgpkey.c"
#include "openpgpadmin.c"
#include "isoapplet.c"
#include "schsm.c"
#include "schsmadmin.c"
#include "myeid.c"
#include "myeidadmin.c"
#include "gids.c"
#include "gidsadmin.c"
#include "cac.c"
#include "esteid.c"
#include "fineid.c"
#include "belpic.c"
#include "generic.c"
#include "genericadmin.c"
#include "probe.c"
#include "same.c"
#include "slot.c"
#include "run.c"
#include "life.c"
#include "mech.c"
#include "attr.c"
#include "session.c"
#include "login.c"
#include "make.c"
#include "op.c"
#include "stream.c"
#include "keys.c"
#if !defined(_WIN32)                    // it needs OpenSSL
#include "store.c"
#endif
#include "option.c"
#include "gate.c"
#include "p11.c"
#include "message.c"
#include "refused.c"
#include "list.c"

int main(int argc, char **argv)
{
    test_begin(argc, argv);
    SECTION(base);
    SECTION(status);
    SECTION(os);
    SECTION(arena);
    SECTION(handle);
    SECTION(tlv);
    SECTION(x509);
    SECTION(zlib);
    SECTION(alg);
    SECTION(hash);
    SECTION(random);
    SECTION(padding);
    SECTION(cipher);
    SECTION(reader);
    SECTION(apdu);
    SECTION(extended);
    SECTION(notice);
    SECTION(link);
    SECTION(iso);
    SECTION(card);
    SECTION(place);
    SECTION(cache);
    SECTION(pinpad);
    SECTION(secret);
    SECTION(trial);
    SECTION(p15entry);
    SECTION(p15alg);
    SECTION(p15);
    SECTION(p15file);
    SECTION(p15dir);
    SECTION(p15token);
    SECTION(p15object);
    SECTION(p15key);
    SECTION(p15made);
    SECTION(p15write);
    SECTION(p15store);
    SECTION(piv);
    SECTION(pivkey);
    SECTION(pivadmin);
    SECTION(openpgp);
    SECTION(openpgpkey);
    SECTION(openpgpadmin);
    SECTION(isoapplet);
    SECTION(schsm);
    SECTION(schsmadmin);
    SECTION(myeid);
    SECTION(myeidadmin);
    SECTION(gids);
    SECTION(gidsadmin);
    SECTION(cac);
    SECTION(esteid);
    SECTION(fineid);
    SECTION(belpic);
    SECTION(generic);
    SECTION(genericadmin);
    SECTION(probe);
    SECTION(same);
    SECTION(slot);
    SECTION(run);
    SECTION(life);
    SECTION(mech);
    SECTION(attr);
    SECTION(session);
    SECTION(login);
    SECTION(make);
    SECTION(op);
    SECTION(stream);
    SECTION(keys);
#if !defined(_WIN32)
    SECTION(store);
#endif
    SECTION(option);
    SECTION(gate);
    SECTION(p11);
    SECTION(message);
    SECTION(refused);
    SECTION(list);
    return test_end();
}
