package main

import (
	"context"
	"os"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// Snapshots of several volumes at the same moment.
type groupController struct {
	csi.UnimplementedGroupControllerServer
	storage *storage
}

func (c *groupController) GroupControllerGetCapabilities(context.Context, *csi.GroupControllerGetCapabilitiesRequest) (*csi.GroupControllerGetCapabilitiesResponse, error) {
	return &csi.GroupControllerGetCapabilitiesResponse{Capabilities: []*csi.GroupControllerServiceCapability{{
		Type: &csi.GroupControllerServiceCapability_Rpc{Rpc: &csi.GroupControllerServiceCapability_RPC{
			Type: csi.GroupControllerServiceCapability_RPC_CREATE_DELETE_GET_VOLUME_GROUP_SNAPSHOT}}}}}, nil
}

func (c *groupController) CreateVolumeGroupSnapshot(_ context.Context, request *csi.CreateVolumeGroupSnapshotRequest) (*csi.CreateVolumeGroupSnapshotResponse, error) {
	if words := request.Parameters["fail"]; words != "" {
		return nil, status.Error(codes.Internal, words)
	}
	c.storage.mutex.Lock()
	defer c.storage.mutex.Unlock()
	if !exists(c.storage.groupRecord(request.Name)) {
		if err := c.take(request.Name, request.SourceVolumeIds, request.Parameters["ready"] != "never"); err != nil {
			return nil, status.Error(codes.Internal, err.Error())
		}
	}
	found, err := c.describe(request.Name)
	if err != nil {
		return nil, err
	}
	return &csi.CreateVolumeGroupSnapshotResponse{GroupSnapshot: found}, nil
}

func (c *groupController) take(name string, volumes []string, ready bool) error {
	made := &group{ID: name}
	byID := map[string]string{}
	for _, volume := range volumes {
		id := name + "-" + volume
		byID[id] = volume
		made.Snapshots = append(made.Snapshots, id)
	}
	if _, err := c.storage.takeSnapshots(byID, ready); err != nil {
		return err
	}
	return writeRecord(c.storage.groupRecord(name), made)
}

func (c *groupController) describe(id string) (*csi.VolumeGroupSnapshot, error) {
	found, err := c.storage.readGroup(id)
	if os.IsNotExist(err) {
		return nil, status.Error(codes.NotFound, "there is no group "+id)
	}
	if err != nil {
		return nil, status.Error(codes.Internal, err.Error())
	}
	answer := &csi.VolumeGroupSnapshot{GroupSnapshotId: id, ReadyToUse: true}
	for _, member := range found.Snapshots {
		taken, err := c.storage.readSnapshot(member)
		if err != nil {
			return nil, status.Error(codes.Internal, err.Error())
		}
		moment := timestamppb.New(taken.Taken)
		answer.Snapshots = append(answer.Snapshots, &csi.Snapshot{SnapshotId: taken.ID, SourceVolumeId: taken.Volume,
			SizeBytes: taken.Size, CreationTime: moment, ReadyToUse: taken.Ready, GroupSnapshotId: id})
		answer.CreationTime = moment
		answer.ReadyToUse = answer.ReadyToUse && taken.Ready
	}
	return answer, nil
}

func (c *groupController) GetVolumeGroupSnapshot(_ context.Context, request *csi.GetVolumeGroupSnapshotRequest) (*csi.GetVolumeGroupSnapshotResponse, error) {
	c.storage.mutex.Lock()
	defer c.storage.mutex.Unlock()
	found, err := c.describe(request.GroupSnapshotId)
	if err != nil {
		return nil, err
	}
	return &csi.GetVolumeGroupSnapshotResponse{GroupSnapshot: found}, nil
}

func (c *groupController) DeleteVolumeGroupSnapshot(_ context.Context, request *csi.DeleteVolumeGroupSnapshotRequest) (*csi.DeleteVolumeGroupSnapshotResponse, error) {
	c.storage.mutex.Lock()
	defer c.storage.mutex.Unlock()
	for _, id := range request.SnapshotIds {
		if err := removeAll(c.storage.record(id), c.storage.snapshot(id)); err != nil {
			return nil, status.Error(codes.Internal, err.Error())
		}
	}
	if err := removeAll(c.storage.groupRecord(request.GroupSnapshotId)); err != nil {
		return nil, status.Error(codes.Internal, err.Error())
	}
	return &csi.DeleteVolumeGroupSnapshotResponse{}, nil
}
