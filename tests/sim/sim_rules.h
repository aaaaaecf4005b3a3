// sim_rules.h: access rules of files as ISO/IEC 7816-4:2013 writes them (5.4.3): the compact form (tag
// 8C), the expanded one (AB, or a record of EF.ARR to which 8B refers), and what they mean.
// SPDX-License-Identifier: 0BSD
#ifndef SIM_RULES_H
#define SIM_RULES_H

#include "sim_fs.h"

// What a file's rules are: an EF's read, update (append, activate) and remove; a DF's update: what is
// created and deleted in it. Each writes or reads read, update and remove of a struct sim_fs_file.

// An access mode byte and security condition bytes. A PIN is a user authentication: the first without
// an SE, or, if named, each with the SE of its number. Returns the bytes.
size_t sim_rules_compact(const struct sim_fs_file *file, bool named, uint8_t *out);
// Access mode and security condition data objects, PINs by their references.
size_t sim_rules_expanded(const struct sim_fs *f, const struct sim_fs_file *file, uint8_t *out);
// The security environments that the compact form names: 7B { 80 SE, A4 { 83 reference, 95 08 } } for
// each PIN.
size_t sim_rules_environments(const struct sim_fs *f, uint8_t *out);

// Of a new file, whose type is known. What no rule is about is never allowed. false: malformed.
bool sim_rules_take_compact(struct sim_fs_file *file, const uint8_t *p, size_t n);
bool sim_rules_take_expanded(const struct sim_fs *f, struct sim_fs_file *file, const uint8_t *p,
                             size_t n);

#endif
