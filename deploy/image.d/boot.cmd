# Boot script of the image, run by U-Boot on every board and in the emulator:
# chooses a root slot, counts the attempt on the card before it is made, and
# starts that slot's own kernel. A slot that never reports success runs out of
# attempts and the other one is taken: this is what makes an update safe, so it
# must never depend on anything inside a slot.
#
# The state is one sector (512 bytes: CRC-32, BOOT_ORDER, BOOT_A_LEFT,
# BOOT_B_LEFT, BOOT_MARK), raw in the gap before the first partition. A card writes a
# sector whole or not at all, so a power cut leaves the old state or the new one. Linux
# writes the same sector (fw_setenv, by RAUC). The copy is what the last start
# saw, for a card that loses the sector all the same.
#
# BOOT_MARK is another number with each start. Linux is told it and takes its root from
# the disk that has it: two disks of one image, or a copy of this one, are alike in all else.
setenv state_at @STATE_SECTOR@
setenv copy_at @COPY_SECTOR@
setenv tries 3

# A Pi's watchdog counts to 16 s at most; an emulator may be slower than that. `arm`
# starts it, `disarm` stops it, both by its registers: U-Boot has no driver for it.
setenv arm; setenv disarm; setenv clock_at
if test "${board}" = "qemu-arm"; then
  setenv base 4; setenv serial ttyAMA0; setenv watchdog 180
  setenv clock_at 09010000
  # An i6300esb where deploy/emulator.py puts it: twice 0xf000 ticks of a millisecond.
  setenv dog 40100f00
  setexpr.l there *${dog}00
  if test "${there}" = 25ab8086; then
    setexpr.l counter *${dog}10
    setexpr second ${counter} + 4
    setexpr unlock ${counter} + c
    setenv open "mw.w ${unlock} 80; mw.w ${unlock} 86"
    setenv arm "mw.w ${dog}60 3; ${open}; mw.l ${counter} f000; ${open}; mw.l ${second} f000; mw.b ${dog}68 2"
    setenv disarm "mw.b ${dog}68 0"
  fi
else
  setenv base 0; setenv serial ttyS1; setenv watchdog 14
  # The processor is in bits 12 to 15 of the board's revision: BCM2837, or BCM2711.
  setenv io
  setexpr processor ${board_revision} / 1000
  setexpr processor ${processor} "&" f
  test "${processor}" = 2 && setenv io 3f
  test "${processor}" = 3 && setenv io fe
  if test -n "${io}"; then
    setenv clock_at ${io}003004
    # 0xfffff ticks of 1/65536 s, all that it has: 16 s. Then the board is reset.
    setenv arm "mw.l ${io}100024 5a0fffff; mw.l ${io}10001c 5a000122"
    setenv disarm "mw.l ${io}10001c 5a000102"
  fi
fi
setenv sector_at ${base}2000000
setenv check_at ${base}2001000
setenv tree_at ${base}2600000
setenv kernel_at ${base}4000000
setenv initrd_at ${base}8000000
# The device tree, with memory, serial number and Ethernet address filled in by
# the board's firmware, lies where that put it: out of the way of what is loaded.
fdt addr ${fdt_addr}
fdt move ${fdt_addr} ${tree_at} 0x100000

setenv names BOOT_ORDER BOOT_A_LEFT BOOT_B_LEFT BOOT_MARK
for name in ${names}; do setenv ${name}; done
${devtype} dev ${devnum}
setenv known no
for at in ${state_at} ${copy_at}; do
  if test ${known} = no; then
    if ${devtype} read ${sector_at} ${at} 1; then
      if env import -c ${sector_at} 0x200 ${names}; then
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
# Never a number that this disk had before: what the board's clock shows is added.
test -n "${BOOT_MARK}" || setenv BOOT_MARK 0
setenv now 1
test -z "${clock_at}" || setexpr.l now *${clock_at}
setexpr BOOT_MARK ${BOOT_MARK} + ${now}
setexpr BOOT_MARK ${BOOT_MARK} + 1

for slot in ${BOOT_ORDER}; do
  setenv part 0
  if test "${slot}" = "A" -a ${BOOT_A_LEFT} -gt 0; then
    setexpr BOOT_A_LEFT ${BOOT_A_LEFT} - 1
    setenv part 2; setenv left ${BOOT_A_LEFT}
  fi
  if test "${slot}" = "B" -a ${BOOT_B_LEFT} -gt 0; then
    setexpr BOOT_B_LEFT ${BOOT_B_LEFT} - 1
    setenv part 3; setenv left ${BOOT_B_LEFT}
  fi
  if test ${part} -gt 0; then
    echo "MFG: slot ${slot}; attempts left: A ${BOOT_A_LEFT}, B ${BOOT_B_LEFT}; disk ${devtype} ${devnum}"
    env export -c -s 0x200 ${sector_at} ${names}
    ${devtype} write ${sector_at} ${state_at} 1
    ${devtype} write ${sector_at} ${copy_at} 1
    # A worn-out card says yes to what it does not keep: Linux would look in vain. (One
    # that forgets it only when Linux takes over is found out there, by mfg-disk.)
    setenv given
    ${devtype} read ${check_at} ${state_at} 1
    if cmp.b ${sector_at} ${check_at} 200; then
      setenv given mfg.mark=${BOOT_MARK}
    else
      echo "MFG: this disk does not keep what is written"
    fi
    # The last start of a slot is one on trial. The kernel keeps the watchdog quiet once
    # it has its driver, which is before it needs the card; for so many seconds, or until
    # the first process takes it. (A check of the data partition may take longer, and feeds
    # it: check-data.)
    test ${left} -gt 0 || setenv given "${given} watchdog.open_timeout=180"
    if load ${devtype} ${devnum}:${part} ${kernel_at} /boot/vmlinuz; then
      if load ${devtype} ${devnum}:${part} ${initrd_at} /boot/initrd.img; then
        setenv initrd_size ${filesize}
        part uuid ${devtype} ${devnum}:${part} root
        setenv bootargs "root=PARTUUID=${root} ${given} ro rootwait rauc.slot=${slot} fsck.mode=skip panic=10 systemd.watchdog_sec=${watchdog} console=tty0 console=${serial},115200 quiet loglevel=5 ${extra_args}"
        if test ${left} = 0 -a -n "${arm}"; then
          echo "MFG: on trial, the watchdog is armed"
          run arm
        fi
        booti ${kernel_at} ${initrd_at}:${initrd_size} ${tree_at}
        test -z "${disarm}" || run disarm
      fi
    fi
    echo "MFG: slot ${slot} has no kernel that starts"
  fi
done

# Nothing started. Better to try for ever than to wait for somebody with a screen.
echo "MFG: no slot started; giving both their attempts back"
setenv BOOT_A_LEFT ${tries}
setenv BOOT_B_LEFT ${tries}
env export -c -s 0x200 ${sector_at} ${names}
${devtype} write ${sector_at} ${state_at} 1
sleep 5
reset
