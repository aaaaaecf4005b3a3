// scard11.h alone, as C++.
#include "header.c"
