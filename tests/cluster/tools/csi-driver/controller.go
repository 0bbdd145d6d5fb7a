package main

import (
	"context"
	"os"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"
)

const defaultSize = 64 << 20

type controller struct {
	csi.UnimplementedControllerServer
	storage *storage
}

func (c *controller) ControllerGetCapabilities(context.Context, *csi.ControllerGetCapabilitiesRequest) (*csi.ControllerGetCapabilitiesResponse, error) {
	answer := &csi.ControllerGetCapabilitiesResponse{}
	for _, kind := range []csi.ControllerServiceCapability_RPC_Type{
		csi.ControllerServiceCapability_RPC_CREATE_DELETE_VOLUME,
		csi.ControllerServiceCapability_RPC_CREATE_DELETE_SNAPSHOT,
		csi.ControllerServiceCapability_RPC_CLONE_VOLUME,
	} {
		answer.Capabilities = append(answer.Capabilities, &csi.ControllerServiceCapability{
			Type: &csi.ControllerServiceCapability_Rpc{Rpc: &csi.ControllerServiceCapability_RPC{Type: kind}}})
	}
	return answer, nil
}

func (c *controller) ValidateVolumeCapabilities(_ context.Context, request *csi.ValidateVolumeCapabilitiesRequest) (*csi.ValidateVolumeCapabilitiesResponse, error) {
	return &csi.ValidateVolumeCapabilitiesResponse{Confirmed: &csi.ValidateVolumeCapabilitiesResponse_Confirmed{
		VolumeCapabilities: request.VolumeCapabilities}}, nil
}

func (c *controller) CreateVolume(_ context.Context, request *csi.CreateVolumeRequest) (*csi.CreateVolumeResponse, error) {
	c.storage.mutex.Lock()
	defer c.storage.mutex.Unlock()
	id, size := request.Name, request.GetCapacityRange().GetRequiredBytes()
	for _, capability := range request.VolumeCapabilities {
		if capability.GetBlock() != nil {
			id = devicePrefix + request.Name
		}
	}
	if size == 0 {
		size = defaultSize
	}
	if !exists(c.storage.volume(id)) {
		if err := c.fill(id, size, request.VolumeContentSource); err != nil {
			return nil, status.Error(codes.Internal, err.Error())
		}
	}
	return &csi.CreateVolumeResponse{Volume: &csi.Volume{VolumeId: id, CapacityBytes: size,
		ContentSource: request.VolumeContentSource}}, nil
}

func (c *controller) fill(id string, size int64, source *csi.VolumeContentSource) error {
	if from := source.GetSnapshot(); from != nil {
		return c.storage.copyInto(c.storage.volume(id), c.storage.snapshot(from.SnapshotId))
	}
	if from := source.GetVolume(); from != nil {
		return c.storage.frozen(from.VolumeId, func() error {
			return c.storage.copyInto(c.storage.volume(id), c.storage.volume(from.VolumeId))
		})
	}
	return c.storage.makeVolume(id, size)
}

func (c *controller) DeleteVolume(_ context.Context, request *csi.DeleteVolumeRequest) (*csi.DeleteVolumeResponse, error) {
	c.storage.mutex.Lock()
	defer c.storage.mutex.Unlock()
	if err := removeAll(c.storage.volume(request.VolumeId)); err != nil {
		return nil, status.Error(codes.Internal, err.Error())
	}
	return &csi.DeleteVolumeResponse{}, nil
}

func (c *controller) CreateSnapshot(_ context.Context, request *csi.CreateSnapshotRequest) (*csi.CreateSnapshotResponse, error) {
	if words := request.Parameters["fail"]; words != "" {
		// A final answer: others, ResourceExhausted among them, keep the snapshotter from giving up.
		return nil, status.Error(codes.Internal, words)
	}
	c.storage.mutex.Lock()
	defer c.storage.mutex.Unlock()
	taken, err := c.storage.readSnapshot(request.Name)
	if os.IsNotExist(err) {
		taken, err = c.storage.takeSnapshot(request.Name, request.SourceVolumeId, request.Parameters["ready"] != "never")
	}
	if err != nil {
		return nil, status.Error(codes.Internal, err.Error())
	}
	return &csi.CreateSnapshotResponse{Snapshot: &csi.Snapshot{SnapshotId: taken.ID, SourceVolumeId: taken.Volume,
		SizeBytes: taken.Size, CreationTime: timestamppb.New(taken.Taken), ReadyToUse: taken.Ready}}, nil
}

func (c *controller) DeleteSnapshot(_ context.Context, request *csi.DeleteSnapshotRequest) (*csi.DeleteSnapshotResponse, error) {
	c.storage.mutex.Lock()
	defer c.storage.mutex.Unlock()
	if err := removeAll(c.storage.record(request.SnapshotId), c.storage.snapshot(request.SnapshotId)); err != nil {
		return nil, status.Error(codes.Internal, err.Error())
	}
	return &csi.DeleteSnapshotResponse{}, nil
}
