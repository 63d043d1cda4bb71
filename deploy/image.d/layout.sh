# shellcheck shell=bash disable=SC2034
# Where things lie on a card that two scripts must agree on; to be sourced.

# Where U-Boot and Linux look for the slot state: in the gap before the first
# partition (4 MiB), the copy a mebibyte away, so that no card keeps both in one block.
state_offset=1048576
copy_offset=2097152
# What a root may expect of the boot partition, which no update replaces: raised when it
# needs more of the script or of the firmware's settings than older cards have.
boot_interface=1
# Signature of the partition table: PARTUUIDs derive from it.
disk_signature=4d464701
