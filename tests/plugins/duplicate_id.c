/* Lies in a file of its own and calls itself what another plugin is called. */
#include "zoo.h"

ZOO_PLUGIN("good", .caps = 0);
