// User namespaces, and network namespaces that belong to them. Descriptors, or negative errno.
#ifndef GANTRY_USERNS_H
#define GANTRY_USERNS_H

// In it, `size` IDs of the host's from `base` on are 0 and the following.
int create_userns(const char *base, const char *size);
// Enters a new network namespace, which belongs to the user namespace `owner`, or to the host's when that is -1.
int enter_new_network(int owner);

#endif
