// A payload's one-letter members, and the short way through those that look as nearly all do.
//
// Threads and memory: as in payload.h. Only what is beyond doubt is taken here; everything else, and every
// refusal, is left to the general scanner in json_scan.h, so that there is one place that says what JSON is.

#ifndef TICKLINE_SIMPLE_MEMBERS_H
#define TICKLINE_SIMPLE_MEMBERS_H

#include "payload.h"

// Takes members as long as they are simple: a one-letter key that is new; a string without escapes, an integer, true or
// false; no white space. True: the cursor stands behind a member, which is "e" or followed by something else than
// another member. False: it stands before a member that is not simple, or at something that is no member.
__attribute__((warn_unused_result)) bool simple_members_take(struct json_cursor *_Nonnull cursor,
                                                             struct payload *_Nonnull payload);

#endif
