/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of those jails share whose helper writes below one directory, its destination (moat-unpack,
 * moat-pull): a place with that directory and a secret beside it, and the attempts that reach out of it or do its work.
 * For the tables of attempts see jail_attempts.h.
 */
#ifndef MOAT_TESTS_JAIL_DESTINATION_H
#define MOAT_TESTS_JAIL_DESTINATION_H

struct jail_destination {
    char place[64];            /* has "dest" and "secret" in it */
    int dest, outside, secret; /* descriptors of the two, and of the place */
};
extern struct jail_destination destination;

/* For cmocka: a place of its own below /tmp, and away with it. */
int destination_set_up(void **state);
int destination_tear_down(void **state);

/* Descriptors as moat hands them over, in a child: the destination becomes 3. What should not be there moves to numbers
 * below 6, where the jail keeps it: the place becomes 4, the secret 5. */
void destination_hand_over(void);

/* Attempts: 0 when one succeeded, else an errno. */
int open_secret_by_path(void);
int open_secret_by_leaked_descriptor(void);
int write_by_leaked_descriptor(void); /* leaves "new" in the place */
int load_code_from_secret(void);
int make_device_in_destination(void);       /* leaves "null" */
int make_regular_file_in_destination(void); /* leaves "file" */

#endif
