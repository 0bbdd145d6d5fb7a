package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// The ioctls of linux/fs.h that freeze and thaw a file system.
const (
	fiFreeze = 0xC0045877
	fiThaw   = 0xC0045878
)

// Begins the names of volumes that are devices, without a file system.
const devicePrefix = "device-"

func isDevice(volume string) bool { return strings.HasPrefix(volume, devicePrefix) }

type storage struct {
	root string
	// Copies and removals, one at a time.
	mutex sync.Mutex
}

type snapshot struct {
	ID     string    `json:"id"`
	Volume string    `json:"volume"`
	Size   int64     `json:"size"`
	Taken  time.Time `json:"taken"`
	Ready  bool      `json:"ready"`
}

func newStorage(root string) *storage {
	s := &storage{root: root}
	for _, folder := range []string{"volumes", "snapshots", "groups"} {
		if err := os.MkdirAll(filepath.Join(root, folder), 0o700); err != nil {
			panic(err)
		}
	}
	return s
}

func (s *storage) volume(id string) string   { return filepath.Join(s.root, "volumes", id+".img") }
func (s *storage) snapshot(id string) string { return filepath.Join(s.root, "snapshots", id+".img") }
func (s *storage) record(id string) string   { return filepath.Join(s.root, "snapshots", id+".json") }

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func run(program string, arguments ...string) error {
	if output, err := exec.Command(program, arguments...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", program, err, output)
	}
	return nil
}

// Makes `target` whole or not at all.
func whole(target string, fill func(unfinished string) error) error {
	unfinished := target + ".new"
	if err := fill(unfinished); err != nil {
		os.Remove(unfinished)
		return err
	}
	return os.Rename(unfinished, target)
}

func (s *storage) makeVolume(id string, size int64) error {
	return whole(s.volume(id), func(unfinished string) error {
		file, err := os.Create(unfinished)
		if err != nil {
			return err
		}
		defer file.Close()
		if err := file.Truncate(size); err != nil || isDevice(id) {
			return err
		}
		return run("mkfs.ext4", "-q", "-F", "-m", "0", unfinished)
	})
}

func (s *storage) copyInto(target, source string) error {
	return whole(target, func(unfinished string) error {
		return run("cp", "--reflink=auto", "--sparse=always", source, unfinished)
	})
}

// Nothing is written to the volume while `work` runs, and all that was written before is in its image.
func (s *storage) frozen(id string, work func() error) error {
	device, err := findLoop(s.volume(id))
	if err != nil || device == "" {
		return errors.Join(err, work()) // mounted nowhere
	}
	if isDevice(id) {
		return errors.Join(flush(device), work())
	}
	// A second mount of a mounted device is of the same file system.
	point, err := os.MkdirTemp(s.root, "freeze")
	if err != nil {
		return err
	}
	defer os.Remove(point)
	if err := unix.Mount(device, point, "ext4", 0, ""); err != nil {
		return err
	}
	defer unix.Unmount(point, unix.MNT_DETACH)
	folder, err := os.Open(point)
	if err != nil {
		return err
	}
	defer folder.Close()
	if err := unix.IoctlSetInt(int(folder.Fd()), fiFreeze, 0); err != nil {
		return err
	}
	done := work()
	return errors.Join(done, unix.IoctlSetInt(int(folder.Fd()), fiThaw, 0))
}

// Writes what is in memory of a device.
func flush(device string) error {
	file, err := os.Open(device)
	if err != nil {
		return err
	}
	defer file.Close()
	return file.Sync()
}

func (s *storage) readSnapshot(id string) (*snapshot, error) {
	text, err := os.ReadFile(s.record(id))
	if err != nil {
		return nil, err
	}
	taken := &snapshot{}
	return taken, json.Unmarshal(text, taken)
}

func (s *storage) takeSnapshot(id, volume string, ready bool) (*snapshot, error) {
	taken, err := s.takeSnapshots(map[string]string{id: volume}, ready)
	if err != nil {
		return nil, err
	}
	return taken[0], nil
}

// All of the same moment. `volumes` are by the snapshots' ids.
func (s *storage) takeSnapshots(volumes map[string]string, ready bool) ([]*snapshot, error) {
	ids := slices.Sorted(maps.Keys(volumes))
	copyAll := func() error {
		for _, id := range ids {
			if err := s.copyInto(s.snapshot(id), s.volume(volumes[id])); err != nil {
				return err
			}
		}
		return nil
	}
	for _, id := range ids {
		work := copyAll
		copyAll = func() error { return s.frozen(volumes[id], work) }
	}
	moment := time.Now()
	if err := copyAll(); err != nil {
		return nil, err
	}
	var all []*snapshot
	for _, id := range ids {
		status, err := os.Stat(s.snapshot(id))
		if err != nil {
			return nil, err
		}
		taken := &snapshot{ID: id, Volume: volumes[id], Size: status.Size(), Taken: moment, Ready: ready}
		if err := writeRecord(s.record(id), taken); err != nil {
			return nil, err
		}
		all = append(all, taken)
	}
	return all, nil
}

func writeRecord(path string, record any) error {
	text, err := json.Marshal(record)
	if err != nil {
		return err
	}
	return whole(path, func(unfinished string) error { return os.WriteFile(unfinished, text, 0o600) })
}

// A group of snapshots, by their ids.
type group struct {
	ID        string   `json:"id"`
	Snapshots []string `json:"snapshots"`
}

func (s *storage) groupRecord(id string) string { return filepath.Join(s.root, "groups", id+".json") }

func (s *storage) readGroup(id string) (*group, error) {
	text, err := os.ReadFile(s.groupRecord(id))
	if err != nil {
		return nil, err
	}
	found := &group{}
	return found, json.Unmarshal(text, found)
}

// Detaches an image from its loop device, once nobody has that open.
func detach(image string) error {
	device, err := findLoop(image)
	if err != nil || device == "" {
		return err
	}
	file, err := os.Open(device)
	if err != nil {
		return err
	}
	defer file.Close()
	return unix.IoctlSetInt(int(file.Fd()), unix.LOOP_CLR_FD, 0)
}

func removeAll(paths ...string) error {
	for _, path := range paths {
		if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
			return err
		}
	}
	return nil
}

// The loop device of an image, whichever node attached it; empty for none.
func findLoop(image string) (string, error) {
	var status unix.Stat_t
	if err := unix.Stat(image, &status); err != nil {
		return "", err
	}
	devices, err := filepath.Glob("/dev/loop[0-9]*")
	if err != nil {
		return "", err
	}
	for _, device := range devices {
		file, err := os.Open(device)
		if err != nil {
			continue
		}
		info, err := unix.IoctlLoopGetStatus64(int(file.Fd()))
		file.Close()
		if err == nil && info.Device == status.Dev && info.Inode == status.Ino {
			return device, nil
		}
	}
	return "", nil
}

// Attaches an image to a loop device. With LO_FLAGS_AUTOCLEAR it goes by itself when nobody uses it
// any more: the caller mounts it before it closes the file.
func attach(image string, flags uint32) (*os.File, error) {
	backing, err := os.OpenFile(image, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer backing.Close()
	control, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer control.Close()
	for {
		number, err := unix.IoctlRetInt(int(control.Fd()), unix.LOOP_CTL_GET_FREE)
		if err != nil {
			return nil, err
		}
		device, err := os.OpenFile(fmt.Sprintf("/dev/loop%d", number), os.O_RDWR, 0)
		if err != nil {
			return nil, err
		}
		config := unix.LoopConfig{Fd: uint32(backing.Fd())}
		config.Info.Flags = flags
		if err = unix.IoctlLoopConfigure(int(device.Fd()), &config); err == nil {
			return device, nil
		}
		device.Close()
		if err != unix.EBUSY { // else somebody else took it
			return nil, err
		}
	}
}
