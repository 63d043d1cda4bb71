# Boot script of the image, run by U-Boot on every board and in the emulator:
# chooses a root slot, counts the attempt on the card before it is made, and
# starts that slot's own kernel. A slot that never reports success runs out of
# attempts and the other one is taken: this is what makes an update safe, so it
# must never depend on anything inside a slot.
#
# The state is one sector (512 bytes: CRC-32, BOOT_ORDER, BOOT_A_LEFT,
# BOOT_B_LEFT), raw in the gap before the first partition. A card writes a sector
# whole or not at all, so a power cut leaves the old state or the new one. Linux
# writes the same sector (fw_setenv, by RAUC). The copy is what the last start
# saw, for a card that loses the sector all the same.
setenv state_at @STATE_SECTOR@
setenv copy_at @COPY_SECTOR@
setenv tries 3

# A Pi's watchdog counts to 16 s at most; an emulator may be slower than that.
if test "${board}" = "qemu-arm"; then
  setenv base 4; setenv serial ttyAMA0; setenv watchdog 180
else
  setenv base 0; setenv serial ttyS1; setenv watchdog 14
fi
setenv sector_at ${base}2000000
setenv tree_at ${base}2600000
setenv kernel_at ${base}4000000
setenv initrd_at ${base}8000000
# The device tree, with memory, serial number and Ethernet address filled in by
# the board's firmware, lies where that put it: out of the way of what is loaded.
fdt addr ${fdt_addr}
fdt move ${fdt_addr} ${tree_at} 0x100000

setenv BOOT_ORDER; setenv BOOT_A_LEFT; setenv BOOT_B_LEFT
${devtype} dev ${devnum}
setenv known no
for at in ${state_at} ${copy_at}; do
  if test ${known} = no; then
    if ${devtype} read ${sector_at} ${at} 1; then
      if env import -c ${sector_at} 0x200 BOOT_ORDER BOOT_A_LEFT BOOT_B_LEFT; then
        setenv known yes
      else
        echo "MFG: no slot state in sector ${at}"
      fi
    fi
  fi
done
# Also a state that is there and makes no sense must not stop the board.
test -n "${BOOT_ORDER}" || setenv BOOT_ORDER "A B"
test -n "${BOOT_A_LEFT}" || setenv BOOT_A_LEFT ${tries}
test -n "${BOOT_B_LEFT}" || setenv BOOT_B_LEFT ${tries}

for slot in ${BOOT_ORDER}; do
  setenv part 0
  if test "${slot}" = "A" -a ${BOOT_A_LEFT} -gt 0; then
    setexpr BOOT_A_LEFT ${BOOT_A_LEFT} - 1
    setenv part 2
  fi
  if test "${slot}" = "B" -a ${BOOT_B_LEFT} -gt 0; then
    setexpr BOOT_B_LEFT ${BOOT_B_LEFT} - 1
    setenv part 3
  fi
  if test ${part} -gt 0; then
    echo "MFG: slot ${slot}; attempts left: A ${BOOT_A_LEFT}, B ${BOOT_B_LEFT}"
    env export -c -s 0x200 ${sector_at} BOOT_ORDER BOOT_A_LEFT BOOT_B_LEFT
    ${devtype} write ${sector_at} ${state_at} 1
    ${devtype} write ${sector_at} ${copy_at} 1
    if load ${devtype} ${devnum}:${part} ${kernel_at} /boot/vmlinuz; then
      if load ${devtype} ${devnum}:${part} ${initrd_at} /boot/initrd.img; then
        setenv initrd_size ${filesize}
        part uuid ${devtype} ${devnum}:${part} root
        setenv bootargs "root=PARTUUID=${root} ro rootwait rauc.slot=${slot} fsck.mode=skip panic=10 systemd.watchdog_sec=${watchdog} console=tty0 console=${serial},115200 quiet loglevel=5 ${extra_args}"
        booti ${kernel_at} ${initrd_at}:${initrd_size} ${tree_at}
      fi
    fi
    echo "MFG: slot ${slot} has no kernel that starts"
  fi
done

# Nothing started. Better to try for ever than to wait for somebody with a screen.
echo "MFG: no slot started; giving both their attempts back"
setenv BOOT_A_LEFT ${tries}
setenv BOOT_B_LEFT ${tries}
env export -c -s 0x200 ${sector_at} BOOT_ORDER BOOT_A_LEFT BOOT_B_LEFT
${devtype} write ${sector_at} ${state_at} 1
sleep 5
reset
