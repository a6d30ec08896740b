// wslay's frame API, the oracle of the frame parser's tests.

#ifndef TICKLINE_CWSLAY_SHIM_H
#define TICKLINE_CWSLAY_SHIM_H

#include <wslay/wslay.h>

#endif
