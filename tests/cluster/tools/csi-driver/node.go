package main

import (
	"context"
	"os"
	"path/filepath"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

type node struct {
	csi.UnimplementedNodeServer
	storage *storage
	id      string
}

func (n *node) NodeGetInfo(context.Context, *csi.NodeGetInfoRequest) (*csi.NodeGetInfoResponse, error) {
	return &csi.NodeGetInfoResponse{NodeId: n.id}, nil
}

func (n *node) NodeGetCapabilities(context.Context, *csi.NodeGetCapabilitiesRequest) (*csi.NodeGetCapabilitiesResponse, error) {
	return &csi.NodeGetCapabilitiesResponse{Capabilities: []*csi.NodeServiceCapability{{
		Type: &csi.NodeServiceCapability_Rpc{Rpc: &csi.NodeServiceCapability_RPC{
			Type: csi.NodeServiceCapability_RPC_STAGE_UNSTAGE_VOLUME}}}}}, nil
}

func isMounted(path string) bool {
	var here, above unix.Stat_t
	return unix.Lstat(path, &here) == nil && unix.Lstat(filepath.Dir(path), &above) == nil && here.Dev != above.Dev
}

func (n *node) NodeStageVolume(_ context.Context, request *csi.NodeStageVolumeRequest) (*csi.NodeStageVolumeResponse, error) {
	if isDevice(request.VolumeId) || isMounted(request.StagingTargetPath) {
		return &csi.NodeStageVolumeResponse{}, nil
	}
	device, err := attach(n.storage.volume(request.VolumeId), unix.LO_FLAGS_AUTOCLEAR)
	if err == nil {
		defer device.Close()
		var flags uintptr
		if request.VolumeCapability.GetAccessMode().GetMode() == csi.VolumeCapability_AccessMode_MULTI_NODE_READER_ONLY {
			flags = unix.MS_RDONLY
		}
		err = unix.Mount(device.Name(), request.StagingTargetPath, "ext4", flags, "")
	}
	if err != nil {
		return nil, status.Error(codes.Internal, err.Error())
	}
	return &csi.NodeStageVolumeResponse{}, nil
}

func (n *node) NodeUnstageVolume(_ context.Context, request *csi.NodeUnstageVolumeRequest) (*csi.NodeUnstageVolumeResponse, error) {
	if err := unmount(request.StagingTargetPath); err != nil {
		return nil, err
	}
	if isDevice(request.VolumeId) {
		if err := detach(n.storage.volume(request.VolumeId)); err != nil {
			return nil, status.Error(codes.Internal, err.Error())
		}
	}
	return &csi.NodeUnstageVolumeResponse{}, nil
}

func (n *node) NodePublishVolume(_ context.Context, request *csi.NodePublishVolumeRequest) (*csi.NodePublishVolumeResponse, error) {
	if isMounted(request.TargetPath) {
		return &csi.NodePublishVolumeResponse{}, nil
	}
	if isDevice(request.VolumeId) {
		if err := n.publishDevice(request); err != nil {
			return nil, status.Error(codes.Internal, err.Error())
		}
		return &csi.NodePublishVolumeResponse{}, nil
	}
	err := os.MkdirAll(request.TargetPath, 0o750)
	if err == nil {
		err = unix.Mount(request.StagingTargetPath, request.TargetPath, "", unix.MS_BIND, "")
	}
	if err == nil && request.Readonly {
		err = unix.Mount("", request.TargetPath, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, "")
	}
	if err != nil {
		return nil, status.Error(codes.Internal, err.Error())
	}
	return &csi.NodePublishVolumeResponse{}, nil
}

// The kubelet wants the device at a path of a file, and keeps a reader's from writing itself.
func (n *node) publishDevice(request *csi.NodePublishVolumeRequest) error {
	image := n.storage.volume(request.VolumeId)
	device, err := findLoop(image)
	if err != nil {
		return err
	}
	if device == "" {
		attached, err := attach(image, 0)
		if err != nil {
			return err
		}
		defer attached.Close()
		device = attached.Name()
	}
	if err := os.MkdirAll(filepath.Dir(request.TargetPath), 0o750); err != nil {
		return err
	}
	file, err := os.OpenFile(request.TargetPath, os.O_CREATE|os.O_RDONLY, 0o640)
	if err != nil {
		return err
	}
	file.Close()
	return unix.Mount(device, request.TargetPath, "", unix.MS_BIND, "")
}

func (n *node) NodeUnpublishVolume(_ context.Context, request *csi.NodeUnpublishVolumeRequest) (*csi.NodeUnpublishVolumeResponse, error) {
	if err := unmount(request.TargetPath); err != nil {
		return nil, err
	}
	if err := removeAll(request.TargetPath); err != nil {
		return nil, status.Error(codes.Internal, err.Error())
	}
	return &csi.NodeUnpublishVolumeResponse{}, nil
}

func unmount(path string) error {
	for isMounted(path) {
		if err := unix.Unmount(path, 0); err != nil {
			return status.Error(codes.Internal, err.Error())
		}
	}
	return nil
}
