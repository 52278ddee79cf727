/* Has no name. */
#include "zoo.h"

ZOO_PLUGIN(NULL, .caps = 0);
