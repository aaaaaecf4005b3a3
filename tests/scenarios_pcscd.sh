#!/bin/sh
# scenarios_pcscd.sh: tests/scenarios.c through a real pcscd that polls each millisecond.
# SPDX-License-Identifier: 0BSD
# Packages: pcscd vsmartcard-vpcd libssl-dev
. "$(dirname "$0")/fast_pcscd.sh"
fast_build world scenarios -g -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all \
    -DWORLD_IS_PCSCD tests/scenarios.c tests/sim_piv.c tests/sim_card.c
fast_run World "$@"
