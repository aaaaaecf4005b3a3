// sim_cac.h: a simulated Common Access Card (GSC-IS 2.1, NIST IR 6887: a virtual machine card)
// with real keys.
// SPDX-License-Identifier: 0BSD
//
// PIN 123456 (00, ASCII, FF to 8), three tries; nothing unblocks it. Three PKI applets, A000000079
// 0100 RSA-2048, 0101 RSA-2048, 0102 RSA-3072; the CCC, the ACA, containers of a person's data.
#ifndef SIM_CAC_H
#define SIM_CAC_H

#include "sim_common.h"

// {0} is a card on T=0, whose answers are fetched, with CCC and ACA, certificates as they are, and
// three CardURLs that name what is not there.
struct sim_cac_options {
    bool second;                    // the first two keys changed, and another CUID: another card
    bool whole;                     // answers come with the command, as by readers that fetch them
    bool gzip;                      // certificates are compressed (71 = 01)
    bool certificate_first;         // in the buffers, 70 stands before 71
    bool small_key;                 // 0102 is RSA-1024: one block
    bool no_ccc;                    // the ACA alone knows what there is
    bool pki_only;                  // neither CCC nor ACA: an alternative token
    bool piv;                       // PIV is on the chip, too, with keys and a PIN of its own
    bool persons;                   // there is a person's data, for who has the PIN
    bool pin_in_aca;                // the ACA alone knows VERIFY
    bool login_of_applet;           // a login is good for the applet that was selected
    bool tries_untold;              // a wrong PIN is 6985, as a key without login
    bool no_change;                 // CHANGE REFERENCE DATA is not known
    const uint8_t *stamp;           // 8 bytes that end each certificate, its serial number and
                                    // the CUID; NULL: none
    bool lost_by_failure;           // a SELECT that finds nothing leaves nothing selected
};

struct sim_card *sim_cac_new(const struct sim_cac_options *options);

#endif
