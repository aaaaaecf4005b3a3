// module.h: the options of scard11 in the module (SCARD11_CONFIG).
// SPDX-License-Identifier: 0BSD
#define SCARD11_PREFIX      my_     // the module has a C_GetFunctionList of its own
#define SCARD11_WRITE       0       // cards are used, and not written
#define SCARD11_ENVIRONMENT 0       // no user changes an option
